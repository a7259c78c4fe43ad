"""tshark, the third pair of eyes: it dissects every PDU kind we write, and none is marked malformed.

Where tshark is not installed the test is skipped; in CI (the environment has CI) it must be there.
"""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from connector.smpp.constants import Tag
from connector.smpp.pdu import Body, BroadcastSm, UnknownPdu, decode, encode
from tests.smpp.vectors import VECTORS

PORT = 2775

# tshark knows no vendor commands at all.
KINDS = [vector for vector in VECTORS if not isinstance(vector.body, UnknownPdu)]


def as_tshark_likes_it(body: Body) -> Body:
    """tshark 4.0 takes broadcast_rep_num for one octet (5.0, 4.8.4 has two) and stumbles over what follows."""
    if isinstance(body, BroadcastSm):
        return replace(body, tlvs=tuple(each for each in body.tlvs if each[0] != Tag.BROADCAST_REP_NUM))
    return body


def told_by_tshark(tmp_path: Path, frames: list[bytes], *arguments: str) -> str:
    """What tshark prints of these frames, one packet each."""
    if shutil.which("tshark") is None or shutil.which("text2pcap") is None:
        if os.environ.get("CI"):
            pytest.fail("tshark and text2pcap are needed in CI")
        pytest.skip("tshark and text2pcap are not installed")
    dump = "\n".join("000000 " + frame.hex(" ") for frame in frames)
    (tmp_path / "pdus.hex").write_text(dump + "\n")
    capture = str(tmp_path / "pdus.pcap")
    subprocess.run(["text2pcap", "-q", "-T", f"40000,{PORT}", str(tmp_path / "pdus.hex"), capture], check=True)
    command = ["tshark", "-r", capture, "-d", f"tcp.port=={PORT},smpp", *arguments]
    # Halves of surrogate pairs come as octets that are not UTF-8.
    return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout


def dissected(tmp_path: Path, frames: list[bytes], *fields: str) -> list[list[str]]:
    """One row of fields a frame, as tshark sees them."""
    chosen = [word for field in fields for word in ("-e", field)]
    out = told_by_tshark(tmp_path, frames, "-T", "fields", "-E", "separator=|", *chosen)
    return [line.split("|") for line in out.splitlines()]


def test_tshark_dissects_every_pdu_we_write(tmp_path: Path) -> None:
    frames = [
        encode(as_tshark_likes_it(vector.body), sequence=vector.sequence, status=vector.status) for vector in KINDS
    ]
    rows = dissected(
        tmp_path,
        frames,
        "smpp.command_id",
        "smpp.command_status",
        "smpp.sequence_number",
        "_ws.malformed",
        "_ws.expert",
    )
    assert len(rows) == len(frames)
    for vector, (command, status, sequence, malformed, expert) in zip(KINDS, rows, strict=True):
        header, _ = decode(vector.frame)
        assert int(command, 16) == header.command_id, vector.name
        if header.command_id & 0x80000000:
            assert int(status, 16) == vector.status, vector.name
        assert int(sequence, 0) == vector.sequence, vector.name
        assert not malformed, vector.name
        assert "Malformed" not in expert, vector.name


def test_tshark_sees_the_gateways_parameters(tmp_path: Path) -> None:
    (vector,) = (vector for vector in VECTORS if "all the gateway's parameters" in vector.name)
    ((tags, malformed),) = dissected(tmp_path, [vector.frame], "smpp.opt_param_tag", "_ws.malformed")
    assert [int(tag, 16) for tag in tags.split(",")] == [0x001E, 0x0427, 0x0423, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004]
    assert not malformed
