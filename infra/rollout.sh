#!/bin/sh
# Pushes the worker's image, or rolls a revision of it out: make push ENV=staging, make deploy ENV=staging [REVISION=…].
# Without credentials nothing is done, and the commands are only shown.
set -eu
cd "$(dirname "$0")/.."
action=$1
stack=media-worker-${2:?"ENV=… must name the environment"}
revision=${REVISION:-$(git describe --always --dirty --exclude '*' --abbrev=12)}
image=${IMAGE:-media-worker}:$revision
case $revision in *-dirty) echo "commit first: the tag $revision wouldn't say what is in the image" >&2; exit 1 ;; esac

if aws sts get-caller-identity >/dev/null 2>&1; then dry=; else dry=yes; echo "No credentials: this is what would be done."; fi

run() {
    echo "+ $*"
    [ -n "$dry" ] || "$@"
}

output() {
    if [ -n "$dry" ]; then echo "<$1>"; return; fi
    aws cloudformation describe-stacks --stack-name "$stack" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

push() {
    repository=$(output RepositoryUri)
    if [ -z "$dry" ] && aws ecr describe-images --repository-name "${repository#*/}" \
        --image-ids "imageTag=$revision" >/dev/null 2>&1; then
        echo "$revision is in the repository already"
        return
    fi
    run make image "REVISION=$revision"
    run docker tag "$image" "$repository:$revision"
    echo "+ aws ecr get-login-password | docker login --username AWS --password-stdin ${repository%%/*}"
    [ -n "$dry" ] || aws ecr get-login-password | docker login --username AWS --password-stdin "${repository%%/*}"
    run docker push "$repository:$revision"
}

deploy() {
    # CloudFormation waits for the rollout. Where the new tasks don't come up, ECS goes back, and so does the stack.
    run aws cloudformation deploy --stack-name "$stack" --template-file infra/service.yaml \
        --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset --parameter-overrides "Revision=$revision" || {
        echo "not rolled out: the stack $stack is back at what it was. Its events say why:" \
            "aws cloudformation describe-stack-events --stack-name $stack" >&2
        exit 1
    }
    run aws ecs wait services-stable --cluster "$(output ClusterName)" --services "$(output ServiceName)"
    echo "To go back: make deploy ENV=$1 REVISION=<an earlier one>"
}

case $action in
push) push ;;
deploy) deploy "$2" ;;
*) echo "push or deploy?" >&2; exit 2 ;;
esac
