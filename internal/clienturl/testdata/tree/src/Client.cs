var opts = ConnectionFactory.GetDefaultOptions();
opts.Servers = new[] { "nats://cs1:4222", "nats://cs2:4222" };
opts.NoRandomize = true;
var v2 = new NatsOpts { Url = "nats://cs3:4222,nats://cs4:4222", NoRandomize = false };
