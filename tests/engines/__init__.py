"""What every engine does, whatever it runs on: one suite, for one machine and for many."""
