#define NATS_URL "nats://c1:4222"
int main(void) {
    const char *servers[] = {"nats://c2:4222",
                             "nats://c3:4222"};
    natsOptions_SetServers(opts, servers, 2);
    natsOptions_SetNoRandomize(opts, true);
}
