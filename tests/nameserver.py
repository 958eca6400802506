"""A real name server on loopback that knows the TXT records it is told."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


@dataclass
class Nameserver:
    """`texts` by name, without the last dot; `rcode` is what it answers to everything, where it is to fail."""

    address: str
    texts: dict[str, list[str]] = field(default_factory=dict)
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR


@contextmanager
def running() -> Iterator[Nameserver]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            content, answering = self.request
            question = dns.message.from_wire(content)
            reply = dns.message.make_response(question, recursion_available=True)
            name = question.question[0].name
            found = made.texts.get(name.to_text(omit_final_dot=True).lower())
            if made.rcode != dns.rcode.NOERROR:
                reply.set_rcode(made.rcode)
            elif found is None:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            else:
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *(f'"{one}"' for one in found)))
            answering.sendto(reply.to_wire(), self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        made = Nameserver(f"127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
