# One static binary in an otherwise empty image, run by nobody in particular.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t latchkey .

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
# Modules first: they change seldom, so this layer is nearly always at hand.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
# nomsgpack leaves a codec out of Gin that nothing here speaks.
RUN CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags "-s -w -X main.version=${VERSION}" -o /out/latchkey ./cmd/latchkey

FROM scratch
# Certificates to judge the mail server, the database and sign-in providers by.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/latchkey /latchkey
USER 65532:65532
EXPOSE 8080
# There is no shell and no curl here, so the binary asks its own server.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/latchkey", "healthcheck"]
ENTRYPOINT ["/latchkey"]
CMD ["serve"]
