async fn ordered() -> Result<Client> {
    ConnectOptions::new()
        .retain_servers_order()
        .connect("nats://r1:4222,nats://r2:4222")
        .await
}
async fn parsed() -> Result<Client> {
    let addrs = vec!["nats://r3:4222".parse::<ServerAddr>()?, "nats://r4:4222".parse()?];
    async_nats::connect([String::from("nats://r5"), String::from("nats://r6")]).await
}
