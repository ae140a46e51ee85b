# The server. MIDI ports do not pass into a container: run `tradefours bridge` on the player's machine.
#   docker build -t tradefours .
#   docker run --rm --init -p 127.0.0.1:8765:8765 tradefours
# For an NVIDIA GPU:
#   docker build --build-arg ENGINE=cuda -t tradefours:cuda .
#   docker run --rm --init --gpus all -p 127.0.0.1:8765:8765 tradefours:cuda
ARG ENGINE=cpu

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PATH=/opt/tradefours/bin:$PATH
RUN python -m venv /opt/tradefours

# torch by itself and first: the largest layer, which changes of our own code then leave alone. Python's own index has it
# with CUDA, PyTorch's own without. --build-arg TORCH_INDEX=URL: another one.
ARG ENGINE
ARG TORCH_INDEX=
# hadolint ignore=DL3013
RUN if [ "$ENGINE" = cpu ]; then : "${TORCH_INDEX:=https://download.pytorch.org/whl/cpu}"; fi && \
    pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0

WORKDIR /src
COPY pyproject.toml setup.py builder.py README.md LICENSE ./
COPY music music
COPY model model
COPY streaming streaming
COPY clients clients
COPY server server
COPY benchmarks benchmarks
# The slim image has no compiler: the build fetches one for itself (builder.py).
# hadolint ignore=DL3013
RUN ZIG_GLOBAL_CACHE_DIR=/tmp/zig pip install ".[server]"

FROM python:3.11-slim AS cpu

FROM python:3.11-slim AS cuda
# Triton compiles the way into each of its kernels when the engine starts.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

# hadolint ignore=DL3006
FROM ${ENGINE}
COPY --from=build /opt/tradefours /opt/tradefours
ENV PATH=/opt/tradefours/bin:$PATH \
    PYTHONUNBUFFERED=1
# What is to outlive the container: journals and generations, where a volume is mounted and the settings say so.
RUN useradd --uid 10001 --create-home tradefours && install --directory --owner=tradefours /data
USER 10001
WORKDIR /home/tradefours

EXPOSE 8765
# By http.client, which no proxy variable of the host sends astray. The port is said, so that it is the one asked here.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "from http.client import HTTPConnection as To; from clients.access import bearer, own_key; to = To('127.0.0.1', 8765, timeout=2); to.request('GET', '/ready', headers=bearer(own_key())); raise SystemExit(to.getresponse().status != 200)"]
CMD ["tradefours", "serve", "--host", "0.0.0.0", "--port", "8765", "--public"]
