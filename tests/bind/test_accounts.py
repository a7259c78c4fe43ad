"""Whatever happens to a link, every context comes back exactly once, and the line between `unsent` and `unanswered`
is where the octets stopped."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from connector.bind import frames
from connector.bind.reconnect import Ending
from connector.smpp.pdu import SubmitSm, SubmitSmResp, Unbind, encode
from tests.bind.test_link import Bench

steps = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(min_value=1, max_value=5)),
        st.tuples(st.just("turn"), st.just(0)),
        st.tuples(st.just("fill"), st.integers(min_value=0, max_value=400)),
        st.tuples(st.just("drain"), st.just(0)),
        st.tuples(st.just("answer"), st.integers(min_value=0, max_value=60)),
        st.tuples(st.just("wait"), st.integers(min_value=1, max_value=4)),
    ),
    max_size=40,
)
ends = st.sampled_from(["abort", "eof", "lost", "unbind", "garbage"])


def finish(bench: Bench, end: str) -> None:
    match end:
        case "abort":
            bench.link.abort(Ending.LOST, "a test")
        case "eof":
            bench.link.eof_received()
        case "lost":
            bench.link.connection_lost(ConnectionResetError())
        case "unbind":
            bench.link.data_received(encode(Unbind(), sequence=77))
        case _:
            bench.link.data_received(b"HTTP/1.1 400 Bad Request")


async def live(script: list[tuple[str, int]], end: str) -> None:
    bench = Bench()
    await bench.bind()
    taken: list[int] = []
    passed_on = 0  # octets that the transport was given and does not hold any more
    for word, n in script:
        if bench.link.loss is not None:
            break
        match word:
            case "submit":
                for _ in range(min(n, bench.link.free_window)):
                    taken.append(len(taken))
                    bench.link.request(SubmitSm(short_message=b"x" * (len(taken) % 50)), taken[-1])
            case "turn":
                await asyncio.sleep(0)
            case "fill":
                if bench.link.writable:
                    bench.paper.room = n
            case "drain":
                bench.paper.room, bench.paper.left = None, 0
                if not bench.link.writable:
                    bench.link.resume_writing()
            case "answer":
                # Sequence 1 was the bind; some of these answer nothing.
                bench.link.data_received(encode(SubmitSmResp(message_id="1"), sequence=n + 2))
            case _:
                bench.now += n
                if bench.link._timer is not None:
                    bench.ring()
                    if bench.link._timer is not None:
                        bench.ring()
    written = b"".join(bench.paper.writes)
    passed_on = len(written) - bench.paper.left
    before = bench.notes.losses
    if not before:
        finish(bench, end)
    ((_, unanswered, unsent),) = bench.notes.losses
    assert sorted([*bench.notes.answers, *bench.notes.timeouts, *unanswered, *unsent], key=str) == sorted(
        taken, key=str
    )
    sequences = {
        int.from_bytes(written[start + 12 : start + 16], "big"): finish <= passed_on
        for start, finish in frames.split(written)
        if written[start + 7] == 4 and not written[start + 4]
    }
    gone = {context for context, whole in zip(sorted(taken), sequences.values(), strict=False) if whole}
    assert gone.isdisjoint(unsent), "what left is never called unsent"


@given(steps, ends)
def test_every_context_comes_back_once(script: list[tuple[str, int]], end: str) -> None:
    asyncio.run(live(script, end))
