import { connect } from "nats";

const nc = await connect({
  servers: ["js1.example.com:4222", "js2.example.com:4222"],
  noRandomize: true,
});
const ws = await connect({ servers: "wss://js3.example.com" });
const all = await Promise.all([connect({ servers: "nats://js4" }), connect({ servers: "nats://js5" })]);
const more = await connect({ servers: ["nats://js6", fallback] });
