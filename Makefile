.PHONY: test race lint golden fuzz bench demo
test: # with the programs that take minutes to build, the first time
	NATS_BALANCE_TOOLS=1 go test ./...
race:
	NATS_BALANCE_TOOLS=1 .ci/race
lint: # installs golangci-lint the first time
	.ci/lint
golden: # then read the diff
	go test ./internal/report ./internal/remedy -update
	go test ./internal/cli -run 'SchemasListAll|IncidentTable' -update
fuzz:
	scripts/fuzz $(TIME)
bench:
	go test ./internal/lab/bench -run xxx -bench Audit -benchtime 5x
demo:
	go run ./cmd/nats-balance demo
