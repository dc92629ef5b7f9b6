package main

var url = "nats://unit-test:4222"
