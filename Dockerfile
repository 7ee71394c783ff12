# syntax=docker/dockerfile:1
# Two stages: the first installs and fetches, the second holds what serves. No compiler, no root.

FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements/run.lock requirements/run.lock
# --no-deps: the lock is complete, and leaves out the OpenCV build that needs libGL.
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/run.lock
COPY kyc_rtc kyc_rtc
RUN .venv/bin/python -m kyc_rtc models fetch --cache-dir /app/models

FROM python:3.13-slim
# MediaPipe's library links these two (not libGL); without a display they only have to load.
RUN apt-get update && apt-get install -y --no-install-recommends libegl1 libgles2 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /app kyc && mkdir -p /app/var && chown kyc /app/var
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY --from=build /app/models models
COPY server.py server.py
COPY kyc_rtc kyc_rtc
COPY media media
COPY signaling signaling
COPY static static
COPY config config
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    KYC_RTC_HOST=0.0.0.0 \
    KYC_RTC_CACHE_DIR=/app/models \
    KYC_RTC_DATA_DIR=/app/var \
    KYC_RTC_ENVIRONMENT=production \
    KYC_RTC_LOG_JSON=true
USER kyc
VOLUME /app/var
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=2)"]
CMD ["python", "server.py"]
