# The server on a CPU. MIDI ports do not pass into a container: run `tradefours bridge` on the player's machine.
#   docker build -t tradefours .
#   docker run --rm -p 127.0.0.1:8765:8765 tradefours
# For others on the network: -p 8765:8765 -e TRADEFOURS_KEY=...
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# torch by itself and first: the largest layer, which changes of our own code then leave alone.
# The default index may bring CUDA along; an index with the build for CPUs alone makes a smaller image:
#   docker build --build-arg TORCH_INDEX=URL -t tradefours .
ARG TORCH_INDEX=
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0

WORKDIR /src
COPY pyproject.toml setup.py builder.py README.md LICENSE ./
COPY music music
COPY model model
COPY streaming streaming
COPY clients clients
COPY server server
COPY benchmarks benchmarks
# The slim image has no compiler: the build fetches one for itself (builder.py), whose cache shall not stay.
RUN ZIG_GLOBAL_CACHE_DIR=/tmp/zig pip install ".[server]" && rm -rf /tmp/zig build

RUN useradd --uid 10001 --create-home tradefours
USER 10001
WORKDIR /home/tradefours

EXPOSE 8765
# By http.client, which no proxy variable of the host sends astray. The port is said, so that it is the one asked here.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "from http.client import HTTPConnection as To; from clients.access import bearer, own_key; to = To('127.0.0.1', 8765, timeout=2); to.request('GET', '/ready', headers=bearer(own_key())); raise SystemExit(to.getresponse().status != 200)"]
CMD ["tradefours", "serve", "--host", "0.0.0.0", "--port", "8765", "--public"]
