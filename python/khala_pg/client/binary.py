"""Reads the binary lane: Phoenix V2 binary messages, and update batches in protobuf inside them."""

import json
from collections.abc import Iterable

from google.protobuf.message import DecodeError

from khala_pg.canonical import HASH_BYTES
from khala_pg.client import wire
from khala_pg.client.documents import Update
from khala_pg.client.errors import ProtocolError
from khala_pg.proto_gen.openagents.sync.v1 import topic_pb2, update_pb2

# Kind of message: how many sizes follow it, and the places of join_ref, topic and event among them.
_PUSH, _BROADCAST = 0, 2
_SIZES = {_PUSH: 3, _BROADCAST: 2}


def frame(message: bytes) -> wire.Frame:
    """One binary message of the server: a push or a broadcast. Raises ProtocolError."""
    count = _SIZES.get(message[0]) if message else None
    if count is None or len(message) <= count:
        raise ProtocolError("the server sent a binary message that is not a Phoenix V2 frame")
    texts = []
    place = 1 + count
    for size in message[1:place]:
        texts.append(message[place : place + size])
        place += size
    if place > len(message):
        raise ProtocolError("the server sent a binary message that is cut short")
    try:
        *join_refs, topic, event = [text.decode() for text in texts]
    except UnicodeDecodeError as error:
        raise ProtocolError("the server sent a binary message that is not UTF-8") from error
    # An empty join_ref is none: the message suits every client of the channel.
    join_ref = join_refs[0] if join_refs and join_refs[0] else None
    return wire.Frame(join_ref, None, topic, event, {}, message[place:])


def batch(data: bytes) -> wire.Batch:
    """The bytes of an UpdateBatch. Raises ProtocolError."""
    message = update_pb2.UpdateBatch()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise ProtocolError(f"the server sent no update batch: {error}") from error
    return wire.Batch(
        updates=[_update(entry) for entry in message.updates],
        replay_complete=message.replay_complete,
        heads=_watermarks(message.head_watermarks),
        covered=_watermarks(message.covered_watermarks),
    )


def _update(entry: update_pb2.Update) -> Update:
    if bool(entry.payload_json) == (entry.deleted or entry.hydration_required):
        raise ProtocolError("an update has a payload exactly if it is no pointer and no tombstone")
    if len(entry.payload_hash) != (0 if entry.deleted else HASH_BYTES):
        raise ProtocolError("payload_hash has a wrong length")
    return Update(
        topic=entry.topic,
        doc_key=entry.doc_key,
        doc_version=entry.doc_version,
        watermark=entry.watermark,
        payload_hash=entry.payload_hash,
        hydration_required=entry.hydration_required and not entry.deleted,
        deleted=entry.deleted,
        payload=_payload(entry.payload_json) if entry.payload_json else None,
        payload_bytes=entry.payload_json or None,
    )


def _payload(text: bytes) -> dict[str, object]:
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a payload is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise ProtocolError("a payload is not an object")
    return payload


def _watermarks(entries: Iterable[topic_pb2.TopicWatermark]) -> dict[str, int]:
    return {entry.topic: entry.watermark for entry in entries}
