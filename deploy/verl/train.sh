#!/usr/bin/env bash
# Trains on Guru with verl 0.9.1:
#   MODEL=Qwen/Qwen2.5-7B TRAIN=/data/train.parquet VAL=/data/val.parquet ./train.sh guru_7b [verl's overrides]
# TRAIN and VAL are files, separated by commas. REWARD_SERVICE_URLS are the services, and REWARD_SERVICE_KEY_FILE is a
# file with their key, at the same place on every node. For several nodes, start Ray on them first.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
name=${1:?guru_7b or guru_32b}
shift
: "${MODEL:?a model\'s name or folder}" "${TRAIN:?parquet files}" "${VAL:?parquet files}"

given=(
  "actor_rollout_ref.model.path='$MODEL'"
  "data.train_files=['${TRAIN//,/\',\'}']"
  "data.val_files=['${VAL//,/\',\'}']"
  "reward.custom_reward_function.reward_kwargs.urls='${REWARD_SERVICE_URLS:-http://127.0.0.1:8000}'"
)
if [[ -n ${REWARD_SERVICE_KEY_FILE:-} ]]; then
  given+=("+ray_kwargs.ray_init.runtime_env.env_vars.REWARD_SERVICE_KEY_FILE='$REWARD_SERVICE_KEY_FILE'")
fi
exec "${PYTHON:-python3}" -m verl.trainer.main_ppo --config-path "$here" --config-name "$name" "${given[@]}" "$@"
