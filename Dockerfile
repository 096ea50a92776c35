# docker build -t aezip . && docker run --rm -v "$PWD:/data" aezip compress photo.png
FROM python:3.13-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
COPY . /source
RUN pip wheel --no-cache-dir --wheel-dir /wheels /source

FROM python:3.13-slim
RUN --mount=from=build,source=/wheels,target=/wheels pip install --no-cache-dir --no-index --find-links /wheels aezip
WORKDIR /data
ENTRYPOINT ["aezip"]
CMD ["--help"]
