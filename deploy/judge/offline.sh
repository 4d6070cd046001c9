#!/usr/bin/env bash
# Carries the judge to machines without internet.
usage='
  deploy/judge/offline.sh pack FOLDER [--cache FOLDER] [--image IMAGE]...
      with internet and Docker: puts the judge'"'"'s image, its model, and their checksums into FOLDER
        --cache FOLDER   take the model from FOLDER/huggingface, where it lies already, and do not download it
        --image IMAGE    take this image along too, such as reward-service:latest and sandbox-worker:latest

  deploy/judge/offline.sh load FOLDER [--apptainer]
      without: checks what is in FOLDER, loads the images, and unpacks the model into FOLDER/cache
        --apptainer      make FOLDER/judge.sif, for deploy/judge/serve.sh, where there is no Docker
      On its output are the variables to start with, for the file .env:

        deploy/judge/offline.sh load FOLDER >>.env && docker compose --profile gpu up -d --no-build

Variables, for pack: JUDGE_IMAGE (vllm/vllm-openai:v0.32.0), JUDGE_MODEL (TIGER-Lab/general-verifier),
JUDGE_REVISION (main), and HF_TOKEN for a model that asks for one.'
set -euo pipefail

say() { echo "offline.sh: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

need() { command -v "$1" >/dev/null || fail "$1 is needed here"; }

have_image() { # from this machine, or from its registry
  docker image inspect "$1" >/dev/null 2>&1 || docker pull --quiet "$1" >&2 || fail "there is no image $1"
}

download() { # the model, into $1/huggingface, with the client that the judge's image holds
  say "downloading $model"
  mkdir -p "$1"
  docker run --rm --user "$(id -u):$(id -g)" --volume "$1:/cache" --env HOME=/cache --env HF_HOME=/cache/huggingface \
    --env HF_TOKEN --env HF_ENDPOINT --entrypoint hf "$judge" download "$model" --revision "$revision" --quiet >&2 ||
    fail "$model could not be downloaded"
}

pack() {
  local images=() cache=""
  while (($#)); do
    case $1 in
      --cache) cache=$(realpath -e "${2:-}") || fail "--cache needs a folder that is there" ;;
      --image) images+=("${2:?--image needs an image}") ;;
      *) fail "pack does not know $1" ;;
    esac
    shift 2
  done
  need docker
  rm -f "$folder/SHA256SUMS" # written last: a folder without it is not whole
  have_image "$judge"
  if [[ -z $cache ]]; then
    cache=$folder/cache
    download "$cache"
  fi
  local place="huggingface/hub/models--${model//\//--}"
  [[ -d $cache/$place/snapshots ]] || fail "$cache holds no $model: there is no $place/snapshots in it"
  say "packing $model"
  tar -C "$cache" -cf "$folder/model.tar" "$place"
  say "packing $judge"
  docker save --output "$folder/judge-image.tar" "$judge"
  rm -f "$folder/more-images.tar"
  if ((${#images[@]})); then
    say "packing ${images[*]}"
    for image in "${images[@]}"; do have_image "$image"; done
    docker save --output "$folder/more-images.tar" "${images[@]}"
  fi
  printf '%s\n' "JUDGE_IMAGE=$judge" "JUDGE_MODEL=$model" "JUDGE_REVISION=$revision" >"$folder/judge.env"
  (cd "$folder" && sha256sum judge.env ./*.tar >SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS)
  say "$folder is ready: $(du -sh --exclude=cache "$folder" | cut -f 1)"
}

load() {
  local engine=docker
  while (($#)); do
    case $1 in
      --apptainer) engine=apptainer ;;
      *) fail "load does not know $1" ;;
    esac
    shift
  done
  [[ -f $folder/SHA256SUMS ]] || fail "$folder is not whole: there is no SHA256SUMS in it; pack it again"
  need "$engine"
  say "checking $folder"
  (cd "$folder" && sha256sum --check --quiet SHA256SUMS >&2) || fail "$folder is damaged: copy it, or pack it, again"
  mkdir -p "$folder/cache"
  tar -C "$folder/cache" -xf "$folder/model.tar"
  if [[ $engine == apptainer ]]; then
    say "making judge.sif"
    apptainer build --force "$folder/judge.sif" "docker-archive:$folder/judge-image.tar" >&2
    echo "JUDGE_SIF=$folder/judge.sif"
  else
    for images in "$folder"/*-image*.tar; do
      say "loading $(basename "$images")"
      docker load --quiet --input "$images" >&2
    done
  fi
  cat "$folder/judge.env"
  printf '%s\n' "JUDGE_CACHE=$folder/cache" "HF_HUB_OFFLINE=1"
}

judge=${JUDGE_IMAGE:-vllm/vllm-openai:v0.32.0}
model=${JUDGE_MODEL:-TIGER-Lab/general-verifier}
revision=${JUDGE_REVISION:-main}
case ${1:-} in
  pack | load)
    [[ -n ${2:-} && $2 != -* ]] || fail "which folder? --help tells more"
    folder=$(realpath -m "$2")
    [[ $1 == load ]] || mkdir -p "$folder"
    "$1" "${@:3}"
    ;;
  -h | --help) echo "Carries the judge to machines without internet.$usage" ;;
  *) fail "pack or load? --help tells more" ;;
esac
