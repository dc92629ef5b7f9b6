# For goreleaser and the release workflow: linux/amd64/nats-balance and its like are
# in the build context. For one from source see docs/release.md.
FROM gcr.io/distroless/static-debian12:nonroot
ARG TARGETPLATFORM
COPY $TARGETPLATFORM/nats-balance /usr/bin/nats-balance
ENTRYPOINT ["/usr/bin/nats-balance"]
