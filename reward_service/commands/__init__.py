"""What the `reward-service` command does: one file per subcommand, each with `add_arguments` and `run`.

`complaints` and `console` are shared by them.
"""
