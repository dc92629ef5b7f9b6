class Client {
    Options chain() {
        return new Options.Builder()
            .server("nats://j1:4222")
            .server("nats://j2:4222")
            .noRandomize()
            .build();
    }
    Options array() {
        return new Options.Builder().servers(new String[]{"nats://j3:4222", "nats://j4:4222"}).build();
    }
}
