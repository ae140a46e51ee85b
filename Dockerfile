# The server on a CPU. MIDI ports do not pass into a container: run `tradefours bridge` on the player's machine.
#   docker build -t tradefours .
#   docker run --rm -p 127.0.0.1:8765:8765 tradefours
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# torch by itself and first: the largest layer, which changes of our own code then leave alone.
# Its own index has the build without CUDA.
RUN pip install --index-url https://download.pytorch.org/whl/cpu \
    torch==2.13.0

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY music music
COPY model model
COPY streaming streaming
COPY clients clients
COPY server server
RUN pip install ".[server]"

RUN useradd --uid 10001 --create-home tradefours
USER 10001
WORKDIR /home/tradefours

EXPOSE 8765
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/ready', timeout=2)"]
CMD ["tradefours", "serve", "--host", "0.0.0.0", "--public"]
