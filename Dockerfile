# FastMCP Runner on Alpine: `docker build .` needs nothing but this checkout.
# Tests build this same file against stand-ins for its bases, where the real one cannot be pulled.

# Alpine 3.24.1, the index of all its platforms.
ARG BASE=docker.io/library/alpine@sha256:28bd5fe8b56d1bd048e5babf5b10710ebe0bae67db86916198a6eec434943f8b
ARG BUILD_BASE=${BASE}

# The binary is compiled on the machine that builds, for the one that will run it: nothing is emulated.
FROM --platform=$BUILDPLATFORM ${BUILD_BASE} AS build
RUN apk add --no-cache nodejs npm libstdc++ libgcc
WORKDIR /build
COPY package.json bun.lock bunfig.toml ./
RUN npm install --global --allow-scripts=bun "$(node --print 'require("./package.json").packageManager')" \
 && bun install --frozen-lockfile --production
COPY scripts/build.ts scripts/elf-section.ts scripts/harden-binary.ts scripts/
COPY src/ src/
ARG COMMIT=unknown
ARG TARGETARCH
RUN case "${TARGETARCH:-$(uname -m)}" in \
      amd64 | x86_64) target=linux-x64-musl ;; \
      arm64 | aarch64) target=linux-arm64-musl ;; \
      *) echo "there is no binary for $TARGETARCH" >&2; exit 1 ;; \
    esac \
 && bun scripts/build.ts --target "$target" --commit "$COMMIT" \
 && mv "dist/fastmcp-runner-$target" /fastmcp-runner \
 && chmod 0711 /fastmcp-runner

FROM ${BASE}
# As new as Alpine's release has them: the image's SBOM says which. PRoot is in no release before 3.24. apk's log would
# make each build another image: it has the time.
RUN apk add --no-cache crane su-exec bubblewrap proot-static libstdc++ libgcc \
 && ln -s proot.static /usr/bin/proot \
 && rm /var/log/apk.log

# The server runs as 1000:1000. So does everything from the start where the platform says so, as Hugging Face Spaces
# do: what the image may bring, and the private root of images that need all of their own, must be writable then too.
# The marker tells the runner that this root file system is its own, to put an application's directories on.
RUN echo 'mcp:x:1000:' >> /etc/group \
 && echo 'mcp:x:1000:1000::/home/mcp:/bin/sh' >> /etc/passwd \
 && mkdir -p /app /data /home/mcp /opt /srv /var/data /var/cache/fastmcp-runner /etc/fastmcp-runner \
 && chown -R 1000:1000 /app /data /home /opt /srv /var/data /var/cache/fastmcp-runner \
 && echo 'FastMCP Runner may place application directories on this root file system.' > /etc/fastmcp-runner/owns-root

# What may not be read is, when an ordinary user executes it, hidden from that user's other processes from the first
# instruction: a HEALTHCHECK starts with the registry's password in its environment, and the server has the same UID.
COPY --from=build /fastmcp-runner /usr/local/bin/fastmcp-runner

ARG COMMIT=unknown
LABEL org.opencontainers.image.title="FastMCP Runner" \
      org.opencontainers.image.description="Given the name of a container image, become the MCP server inside it: no Docker needed." \
      org.opencontainers.image.source="https://github.com/drengskapur/fastmcp-runner" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${COMMIT}"

EXPOSE 7860
# An image is pulled first, which may take minutes.
HEALTHCHECK --interval=30s --timeout=10s --start-period=300s --retries=3 CMD ["fastmcp-runner", "healthcheck"]
# No USER: started as root, the runner drops to 1000:1000 itself, once it has put the image in place.
ENTRYPOINT ["fastmcp-runner"]
