"""Connects to nats://doc:4222."""
import nats

SERVERS = [
    "nats://py1:4222",
    'nats://py2:4222',  # the second
]

async def main():
    nc = await nats.connect(servers=SERVERS, dont_randomize=True)

async def other():
    return await nats.connect("tls://py3.example.com")
