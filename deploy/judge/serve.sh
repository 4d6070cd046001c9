#!/usr/bin/env bash
#SBATCH --job-name=judge
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=1
#SBATCH --output=judge-%j.log
# Serves the judge on this machine's GPUs, and says what to set so that the reward service finds it.
usage='
  deploy/judge/serve.sh [FLAG OF VLLM]...                             here
  sbatch --gpus-per-node=4 deploy/judge/serve.sh [FLAG OF VLLM]...    as a Slurm job on one node

Variables, all of them optional:
  JUDGE_MODEL      a name on the Hugging Face hub, or a folder: TIGER-Lab/general-verifier
  JUDGE_REVISION   of the model: main
  JUDGE_GPUS       how many GPUs, each with a copy of the model: those of the job, or of the machine
  JUDGE_PORT       8000
  JUDGE_KEY_FILE   the key that callers must know, made if it is not there: judge.key
  JUDGE_SIF        an Apptainer image that holds vLLM; without it, vllm must be on the PATH
  JUDGE_CACHE      where models and compiled kernels are kept: ~/.cache
  HF_HUB_OFFLINE   1 on machines without internet
  JUDGE_API_SERVERS, JUDGE_MAX_MODEL_LEN, JUDGE_MAX_NUM_SEQS, JUDGE_MAX_QUEUED, JUDGE_GPU_MEMORY: see docs/judge-server.md'
set -euo pipefail

fail() {
  echo "serve.sh: $*" >&2
  exit 1
}

gpus() { # how many there are for us
  if [[ -n ${SLURM_GPUS_ON_NODE:-} ]]; then
    echo "$SLURM_GPUS_ON_NODE"
  elif command -v nvidia-smi >/dev/null; then
    nvidia-smi --list-gpus | wc -l
  else
    fail "no GPU is to be seen here; JUDGE_GPUS says how many there are"
  fi
}

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
  echo "Serves the judge with vLLM.$usage"
  exit
fi

model=${JUDGE_MODEL:-TIGER-Lab/general-verifier}
port=${JUDGE_PORT:-8000}
cache=${JUDGE_CACHE:-$HOME/.cache}
key_file=$(realpath -m "${JUDGE_KEY_FILE:-judge.key}")
count=${JUDGE_GPUS:-$(gpus)}

command=(vllm serve)
if [[ -n ${JUDGE_SIF:-} ]]; then
  [[ -r $JUDGE_SIF ]] || fail "JUDGE_SIF=$JUDGE_SIF cannot be read"
  command -v apptainer >/dev/null || fail "apptainer is not on the PATH"
  command=(apptainer exec --nv --cleanenv --bind "$cache" "$JUDGE_SIF" vllm serve)
  [[ ! -d $model ]] || command=("${command[@]:0:4}" --bind "$(realpath "$model")" "${command[@]:4}")
elif ! command -v vllm >/dev/null; then
  fail "vllm is not on the PATH: install it in an environment of its own, or set JUDGE_SIF"
fi

[[ -s $key_file ]] || (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$key_file")
mkdir -p "$cache"
export HF_HOME=$cache/huggingface VLLM_CACHE_ROOT=$cache/vllm VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
VLLM_API_KEY=$(<"$key_file") # by the environment: other users see arguments
export VLLM_API_KEY
for name in HF_HOME HF_HUB_OFFLINE HF_TOKEN HF_ENDPOINT CUDA_VISIBLE_DEVICES \
  VLLM_CACHE_ROOT VLLM_NO_USAGE_STATS VLLM_API_KEY DO_NOT_TRACK; do
  [[ -z ${!name:-} ]] || export "APPTAINERENV_$name=${!name}"
done
export APPTAINERENV_PYTHONNOUSERSITE=1 # Apptainer shows the container the user's home

cat <<END
Once the model is loaded and http://$(hostname -f):$port/health answers, the reward service reaches it with
REWARD_JUDGE_URLS=http://$(hostname -f):$port
REWARD_JUDGE_KEY_FILE=$key_file
END
exec "${command[@]}" "$model" \
  --revision="${JUDGE_REVISION:-main}" \
  --served-model-name="$model" \
  --generation-config=vllm \
  --max-model-len="${JUDGE_MAX_MODEL_LEN:-4096}" \
  --enable-prefix-caching \
  --data-parallel-size="$count" \
  --api-server-count="${JUDGE_API_SERVERS:-4}" \
  --max-num-seqs="${JUDGE_MAX_NUM_SEQS:-512}" \
  --max-num-queued-reqs="${JUDGE_MAX_QUEUED:-8192}" \
  --gpu-memory-utilization="${JUDGE_GPU_MEMORY:-0.9}" \
  --shutdown-timeout=30 \
  --disable-uvicorn-access-log \
  --port="$port" \
  "$@"
