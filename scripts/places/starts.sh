#!/bin/sh
# Starts the runner once for each argument `IMAGE:MODE`, in the place where it is, and writes what it says as lines of JSON
# between lines that tell which start it was and how it ended.
for start; do
  image=${start%%:*}
  mode=${start#*:}
  printf '{"start":"%s"}\n' "$start"
  status=0
  env "IMAGE=oci:$PLACES/images/$image" "RUN_MODE=$mode" MCP_TRANSPORT=stdio LOG_FORMAT=json \
    "MCP_ENV_MACHINE_FILE=$PLACES/starts.sh" timeout -s KILL 60 "$RUNNER" </dev/null 2>&1 || status=$?
  printf '\n{"exit":%s}\n' "$status"
done
