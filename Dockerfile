# docker build -t imgsearch . && docker run -p 8501:8501 -v imgsearch:/data imgsearch
# Two targets: `serve`, the last and so the one without --target, has what answers; `build` has TensorFlow besides, for builds
# with any backbone: docker build --target build -t imgsearch-build .
# What all stages begin with. A tag can be moved; to hold the build to what you have looked at, name a digest:
# --build-arg BASE=python:3.11-slim@sha256:... (docs/hosting/docker.md says where it comes from).
ARG BASE=python:3.11-slim

# The packages, with the compiler that annoy needs (it comes as source code), which does not get into an image.
FROM ${BASE} AS serving-packages
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
# As in the Makefile, but without -march=native: an image must run on other processors than the one that built it.
ENV ANNOY_COMPILER_ARGS=-O3,-std=c++14,-DANNOYLIB_MULTITHREADED_BUILD
RUN python -m venv /venv
COPY requirements-dev.txt requirements-serve.txt ./
# Every package with the hash of the lock, also the setuptools that compiles annoy, which pip would fetch by itself otherwise.
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements-dev.txt > setuptools.txt \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r setuptools.txt \
    && /venv/bin/pip install --no-cache-dir --require-hashes --no-build-isolation --only-binary :all: --no-binary annoy \
        -r requirements-serve.txt \
    && /venv/bin/pip check

FROM serving-packages AS building-packages
COPY requirements.txt ./
RUN /venv/bin/pip install --no-cache-dir --require-hashes --no-build-isolation --only-binary :all: --no-binary annoy \
        -r requirements.txt \
    && /venv/bin/pip check

FROM ${BASE} AS program
# 1000 is the user that Hugging Face runs a Space as.
RUN useradd --uid 1000 --create-home app && install -d -o app /data
WORKDIR /app
COPY app.py ./
COPY .streamlit .streamlit
COPY imgsearch imgsearch
USER app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 IMGSEARCH_HOME=/data
VOLUME /data
EXPOSE 8501
# Unknown paths answer 200 with the page itself, so the body is looked at too.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "import json, urllib.request as u; assert json.load(u.urlopen('http://127.0.0.1:8501/api/health', timeout=4))['status'] in ('ok', 'getting ready')"]
# With nothing to serve and nothing to pull, the page brings the sample.
CMD ["streamlit", "run", "app.py", "--server.headless", "true", "--server.address", "0.0.0.0", "--server.port", "8501"]

FROM program AS build
COPY --from=building-packages /venv /venv

FROM program AS serve
COPY --from=serving-packages /venv /venv
