"""The messages between broker and plugin, made of the descriptor of hook.proto.

hook.binpb is that file, compiled; a test of the broker's holds it to the original.
Made at run time the classes fit every version of protobuf, which generated code
does not.
"""

from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "moonwire.hook.v1"

_file = descriptor_pb2.FileDescriptorProto.FromString(
    (Path(__file__).parent / "hook.binpb").read_bytes()
)
_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file)


def message(name):
    """Returns the class of a message."""
    descriptor = _pool.FindMessageTypeByName(f"{PACKAGE}.{name}")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_pool).GetPrototype(descriptor)


def _numbers(name, prefix):
    values = _pool.FindEnumTypeByName(f"{PACKAGE}.{name}").values
    return {v.name[len(prefix) :].lower(): v.number for v in values if not v.name.endswith("_UNSPECIFIED")}


POINTS = _numbers("Point", "POINT_")
POINT_NAMES = {number: name for name, number in POINTS.items()}
FIELDS = _numbers("Field", "FIELD_")
VERDICTS = _numbers("Verdict", "VERDICT_")

ConfigureRequest = message("ConfigureRequest")
ConfigureResponse = message("ConfigureResponse")
HandoverRequest = message("HandoverRequest")
HandoverResponse = message("HandoverResponse")
NotifyRequest = message("NotifyRequest")
NotifyResponse = message("NotifyResponse")
Batch = message("Batch")
Replies = message("Replies")
Reply = message("Reply")
Command = message("Command")
Identity = message("Identity")
Permissions = message("Permissions")
RegistrationMessage = message("Registration")
