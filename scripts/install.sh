#!/bin/sh
# Downloads the fastmcp-runner of a release for this machine, and puts it in place only if its checksum is the one that
# the release lists; where cosign is installed, only if that list is signed by the release's workflow, too.
#
#   sh install.sh                       the newest release, into ~/.local/bin
#   … --version v1.2.3                  this one
#   … --to DIR                          somewhere else
set -eu

releases=${FASTMCP_RUNNER_RELEASES:-https://github.com/drengskapur/fastmcp-runner/releases}
version=
to=${HOME:-/nonexistent}/.local/bin

main() {
  while [ $# -gt 0 ]; do
    case $1 in
      --version) version=${2:?--version needs a tag, such as v1.2.3} ;;
      --to) to=${2:?--to needs a directory} ;;
      *) fail "unknown argument $1; there are --version and --to" ;;
    esac
    shift 2
  done
  if [ -n "$version" ]; then from=$releases/download/$version; else from=$releases/latest/download; fi
  file=fastmcp-runner-$(target)

  # Beside its destination, so that the last step is one rename: whoever starts it meanwhile gets the old or the new one.
  mkdir -p "$to"
  work=$(mktemp -d "$to/.fastmcp-runner-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  download SHA256SUMS
  verify_signature
  download "$file"
  verify_checksum
  chmod 755 "$work/$file"
  mv -f "$work/$file" "$to/fastmcp-runner"
  echo "fastmcp-runner is now $to/fastmcp-runner" >&2
}

target() {
  [ "$(uname -s)" = Linux ] || fail "fastmcp-runner runs on Linux only, not on $(uname -s)"
  case $(uname -m) in
    x86_64 | amd64) architecture=x64 ;;
    aarch64 | arm64) architecture=arm64 ;;
    *) fail "there is no fastmcp-runner for $(uname -m)" ;;
  esac
  # glibc, where a machine has both.
  if getconf GNU_LIBC_VERSION >/dev/null 2>&1; then libc=; else libc=-musl; fi
  echo "linux-$architecture$libc"
}

download() {
  if command -v curl >/dev/null; then
    curl --fail --silent --show-error --location --output "$work/$1" "$from/$1"
  elif command -v wget >/dev/null; then
    wget -q -O "$work/$1" "$from/$1"
  else
    fail "neither curl nor wget is installed"
  fi || fail "$from/$1 cannot be downloaded"
}

verify_signature() {
  if ! command -v cosign >/dev/null; then
    echo "cosign is not installed: the checksum is checked, but not who has listed it" >&2
    return
  fi
  download SHA256SUMS.sigstore.json
  cosign verify-blob --new-bundle-format --bundle "$work/SHA256SUMS.sigstore.json" \
    --certificate-identity-regexp '^https://github\.com/drengskapur/fastmcp-runner/\.github/workflows/release\.yml@refs/(heads/main|tags/v[^/]+)$' \
    --certificate-oidc-issuer https://token.actions.githubusercontent.com \
    "$work/SHA256SUMS" >&2 || fail "SHA256SUMS is not signed by a release of fastmcp-runner"
}

verify_checksum() {
  # The one line of this file: none, or two, would not do.
  awk -v file="$file" '$2 == file' "$work/SHA256SUMS" >"$work/expected"
  [ "$(wc -l <"$work/expected")" -eq 1 ] || fail "SHA256SUMS does not list $file"
  (cd "$work" && sha256sum -c expected >/dev/null 2>&1) || fail "$file is not what SHA256SUMS lists: it is thrown away"
}

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

# Only now, when all of this file has arrived.
main "$@"
