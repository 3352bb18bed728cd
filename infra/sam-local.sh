#!/usr/bin/env bash
# `make sam-local`: the deployed handlers in Lambda's own containers on this machine, over a local
# DynamoDB; needs Docker, SAM CLI and, for the table, the aws extra in the Python given as $1.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${1:-python3}
port=${SWEEP_LOCAL_PORT:-3000}
token=${SWEEP_TOKEN:-local}
database=sweeps-dynamodb

for program in docker sam; do
  command -v "$program" >/dev/null || { echo "error: $program is needed; infra/README.md says where to get it" >&2; exit 2; }
done
docker info >/dev/null 2>&1 || { echo "error: Docker is not running: start it, then try again" >&2; exit 2; }

hash=$(printf %s "$token" | "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
case $(uname -m) in arm64 | aarch64) architecture=arm64 ;; *) architecture=x86_64 ;; esac
parameters=("TokenSha256=$hash" "Architecture=$architecture")

trap 'docker rm --force "$database" >/dev/null' EXIT
docker run --detach --name "$database" --publish 127.0.0.1:8000:8000 amazon/dynamodb-local \
  -jar DynamoDBLocal.jar -sharedDb -inMemory >/dev/null
"$python" infra/create_table.py http://127.0.0.1:8000 sweeps

sam build --use-container --parameter-overrides "${parameters[@]}"
echo "SWEEP_URL=http://127.0.0.1:$port SWEEP_TOKEN=$token"
AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-us-east-1} \
  sam local start-api --port "$port" --env-vars infra/sam-local.json --warm-containers LAZY \
  --add-host host.docker.internal:host-gateway --parameter-overrides "${parameters[@]}"
