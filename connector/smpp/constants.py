"""The specification's numbers: commands, statuses, states, addresses, tags.

Source: SMPP 3.4 issue 1.2 and SMPP 5.0; the vendor tags are gateway.md's. Where 5.0 renamed a number of 3.4, the 3.4
name is the canonical one and the new name is an alias. tests/smpp/test_constants.py compares the tables with
smpplib's.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

RESPONSE: Final = 0x80000000
"""The bit that makes a command_id the response to the request of the same number."""

MAX_SEQUENCE: Final = 0x7FFFFFFF
"""Sequence numbers run from 1 to this and start again at 1 (SMPP 3.4, 3.2)."""

VERSION_3_4: Final = 0x34
VERSION_5_0: Final = 0x50


def version_name(version: int) -> str:
    """`5.0` for 0x50: interface_version and sc_interface_version have a digit in each half of the octet."""
    return f"{version >> 4}.{version & 15}"


class CommandId(IntEnum):
    """Every PDU kind of 3.4 and 5.0."""

    BIND_RECEIVER = 0x00000001
    BIND_TRANSMITTER = 0x00000002
    QUERY_SM = 0x00000003
    SUBMIT_SM = 0x00000004
    DELIVER_SM = 0x00000005
    UNBIND = 0x00000006
    REPLACE_SM = 0x00000007
    CANCEL_SM = 0x00000008
    BIND_TRANSCEIVER = 0x00000009
    OUTBIND = 0x0000000B
    ENQUIRE_LINK = 0x00000015
    SUBMIT_MULTI = 0x00000021
    ALERT_NOTIFICATION = 0x00000102
    DATA_SM = 0x00000103
    BROADCAST_SM = 0x00000111
    QUERY_BROADCAST_SM = 0x00000112
    CANCEL_BROADCAST_SM = 0x00000113
    GENERIC_NACK = 0x80000000
    BIND_RECEIVER_RESP = 0x80000001
    BIND_TRANSMITTER_RESP = 0x80000002
    QUERY_SM_RESP = 0x80000003
    SUBMIT_SM_RESP = 0x80000004
    DELIVER_SM_RESP = 0x80000005
    UNBIND_RESP = 0x80000006
    REPLACE_SM_RESP = 0x80000007
    CANCEL_SM_RESP = 0x80000008
    BIND_TRANSCEIVER_RESP = 0x80000009
    ENQUIRE_LINK_RESP = 0x80000015
    SUBMIT_MULTI_RESP = 0x80000021
    DATA_SM_RESP = 0x80000103
    BROADCAST_SM_RESP = 0x80000111
    QUERY_BROADCAST_SM_RESP = 0x80000112
    CANCEL_BROADCAST_SM_RESP = 0x80000113


class CommandStatus(IntEnum):
    """Every command_status of 3.4 (table 5-2) and 5.0 (4.7.6)."""

    ESME_ROK = 0x00000000
    ESME_RINVMSGLEN = 0x00000001
    ESME_RINVCMDLEN = 0x00000002
    ESME_RINVCMDID = 0x00000003
    ESME_RINVBNDSTS = 0x00000004
    ESME_RALYBND = 0x00000005
    ESME_RINVPRTFLG = 0x00000006
    ESME_RINVREGDLVFLG = 0x00000007
    ESME_RSYSERR = 0x00000008
    ESME_RINVSRCADR = 0x0000000A
    ESME_RINVDSTADR = 0x0000000B
    ESME_RINVMSGID = 0x0000000C
    ESME_RBINDFAIL = 0x0000000D
    ESME_RINVPASWD = 0x0000000E
    ESME_RINVSYSID = 0x0000000F
    ESME_RCANCELFAIL = 0x00000011
    ESME_RREPLACEFAIL = 0x00000013
    ESME_RMSGQFUL = 0x00000014
    ESME_RINVSERTYP = 0x00000015
    ESME_RINVNUMDESTS = 0x00000033
    ESME_RINVDLNAME = 0x00000034
    ESME_RINVDESTFLAG = 0x00000040
    ESME_RINVSUBREP = 0x00000042
    ESME_RINVESMCLASS = 0x00000043
    ESME_RCNTSUBDL = 0x00000044
    ESME_RSUBMITFAIL = 0x00000045
    ESME_RINVSRCTON = 0x00000048
    ESME_RINVSRCNPI = 0x00000049
    ESME_RINVDSTTON = 0x00000050
    ESME_RINVDSTNPI = 0x00000051
    ESME_RINVSYSTYP = 0x00000053
    ESME_RINVREPFLAG = 0x00000054
    ESME_RINVNUMMSGS = 0x00000055
    ESME_RTHROTTLED = 0x00000058
    ESME_RINVSCHED = 0x00000061
    ESME_RINVEXPIRY = 0x00000062
    ESME_RINVDFTMSGID = 0x00000063
    ESME_RX_T_APPN = 0x00000064
    ESME_RX_P_APPN = 0x00000065
    ESME_RX_R_APPN = 0x00000066
    ESME_RQUERYFAIL = 0x00000067
    ESME_RINVOPTPARSTREAM = 0x000000C0
    ESME_ROPTPARNOTALLWD = 0x000000C1
    ESME_RINVPARLEN = 0x000000C2
    ESME_RMISSINGOPTPARAM = 0x000000C3
    ESME_RINVOPTPARAMVAL = 0x000000C4
    ESME_RDELIVERYFAILURE = 0x000000FE
    ESME_RUNKNOWNERR = 0x000000FF
    ESME_RSERTYPUNAUTH = 0x00000100
    ESME_RPROHIBITED = 0x00000101
    ESME_RSERTYPUNAVAIL = 0x00000102
    ESME_RSERTYPDENIED = 0x00000103
    ESME_RINVDCS = 0x00000104
    ESME_RINVSRCADDRSUBUNIT = 0x00000105
    ESME_RINVDSTADDRSUBUNIT = 0x00000106
    ESME_RINVBCASTFREQINT = 0x00000107
    ESME_RINVBCASTALIAS_NAME = 0x00000108
    ESME_RINVBCASTAREAFMT = 0x00000109
    ESME_RINVNUMBCAST_AREAS = 0x0000010A
    ESME_RINVBCASTCNTTYPE = 0x0000010B
    ESME_RINVBCASTMSGCLASS = 0x0000010C
    ESME_RBCASTFAIL = 0x0000010D
    ESME_RBCASTQUERYFAIL = 0x0000010E
    ESME_RBCASTCANCELFAIL = 0x0000010F
    ESME_RINVBCAST_REP = 0x00000110
    ESME_RINVBCASTSRVGRP = 0x00000111
    ESME_RINVBCASTCHANIND = 0x00000112
    # The names 5.0 gave to numbers of 3.4.
    ESME_RINVTLVSTREAM = 0x000000C0
    ESME_RTLVNOTALLWD = 0x000000C1
    ESME_RINVTLVLEN = 0x000000C2
    ESME_RMISSINGTLV = 0x000000C3
    ESME_RINVTLVVAL = 0x000000C4


STATUS_TEXT: Final[Mapping[int, str]] = {
    0x000: "No Error",
    0x001: "Message Length is invalid",
    0x002: "Command Length is invalid",
    0x003: "Invalid Command ID",
    0x004: "Incorrect BIND Status for given command",
    0x005: "ESME Already in Bound State",
    0x006: "Invalid Priority Flag",
    0x007: "Invalid Registered Delivery Flag",
    0x008: "System Error",
    0x00A: "Invalid Source Address",
    0x00B: "Invalid Destination Address",
    0x00C: "Invalid Message ID",
    0x00D: "Bind Failed",
    0x00E: "Invalid Password",
    0x00F: "Invalid System ID",
    0x011: "Cancel SM Failed",
    0x013: "Replace SM Failed",
    0x014: "Message Queue is full",
    0x015: "Invalid Service Type",
    0x033: "Invalid number of destinations",
    0x034: "Invalid Distribution List name",
    0x040: "Invalid Destination Flag (submit_multi)",
    0x042: "Invalid Submit With Replace request (replace_if_present_flag set)",
    0x043: "Invalid esm_class field data",
    0x044: "Cannot submit to Distribution List",
    0x045: "submit_sm or submit_multi failed",
    0x048: "Invalid Source address TON",
    0x049: "Invalid Source address NPI",
    0x050: "Invalid Destination address TON",
    0x051: "Invalid Destination address NPI",
    0x053: "Invalid system_type field",
    0x054: "Invalid replace_if_present flag",
    0x055: "Invalid number of messages",
    0x058: "Throttling error (ESME has exceeded allowed message limits)",
    0x061: "Invalid Scheduled Delivery Time",
    0x062: "Invalid message validity period (Expiry Time)",
    0x063: "Predefined Message is invalid or not found",
    0x064: "ESME received Temporary App Error Code",
    0x065: "ESME received Permanent App Error Code",
    0x066: "ESME received Reject Message Error Code",
    0x067: "query_sm request failed",
    0x0C0: "Error in the optional part of the PDU body",
    0x0C1: "Optional Parameter not allowed",
    0x0C2: "Invalid Parameter Length",
    0x0C3: "Expected Optional Parameter missing",
    0x0C4: "Invalid Optional Parameter Value",
    0x0FE: "Delivery Failure (used data_sm_resp)",
    0x0FF: "Unknown Error",
    0x100: "ESME Not authorised to use specified service_type",
    0x101: "ESME Prohibited from using specified operation",
    0x102: "Specified service_type is unavailable",
    0x103: "Specified service_type is denied",
    0x104: "Invalid Data Coding Scheme",
    0x105: "Source Address Sub unit is Invalid",
    0x106: "Destination Address Sub unit is Invalid",
    0x107: "Broadcast Frequency Interval is invalid",
    0x108: "Broadcast Alias Name is invalid",
    0x109: "Broadcast Area Format is invalid",
    0x10A: "Number of Broadcast Areas is invalid",
    0x10B: "Broadcast Content Type is invalid",
    0x10C: "Broadcast Message Class is invalid",
    0x10D: "broadcast_sm operation failed",
    0x10E: "query_broadcast_sm operation failed",
    0x10F: "cancel_broadcast_sm operation failed",
    0x110: "Number of Repeated Broadcasts is invalid",
    0x111: "Broadcast Service Group is invalid",
    0x112: "Broadcast Channel Indicator is invalid",
}
"""One line per status, for a person. A status that is not here is a vendor's."""

_STATUS_NAMES: Final[Mapping[int, str]] = {status.value: status.name for status in CommandStatus}
_COMMAND_NAMES: Final[Mapping[int, str]] = {command.value: command.name.lower() for command in CommandId}


def status_name(status: int) -> str:
    """`ESME_RTHROTTLED` for 0x58; a vendor's or reserved status as eight hex digits, `0x00000440`."""
    return _STATUS_NAMES.get(status) or f"0x{status:08X}"


def command_name(command_id: int) -> str:
    """`submit_sm` for 4; a vendor's command as eight hex digits."""
    return _COMMAND_NAMES.get(command_id) or f"0x{command_id:08X}"


class MessageState(IntEnum):
    """message_state of query_sm_resp and of receipts (3.4: 5.2.28; 0 and 9 are 5.0's)."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    ACCEPTED = 6
    UNKNOWN = 7
    REJECTED = 8
    SKIPPED = 9


class Ton(IntEnum):
    """Type of number (5.2.5)."""

    UNKNOWN = 0x00
    INTERNATIONAL = 0x01
    NATIONAL = 0x02
    NETWORK_SPECIFIC = 0x03
    SUBSCRIBER = 0x04
    ALPHANUMERIC = 0x05
    ABBREVIATED = 0x06


class Npi(IntEnum):
    """Numbering plan indicator (5.2.6)."""

    UNKNOWN = 0x00
    ISDN = 0x01
    DATA = 0x03
    TELEX = 0x04
    LAND_MOBILE = 0x06
    NATIONAL = 0x08
    PRIVATE = 0x09
    ERMES = 0x0A
    INTERNET = 0x0E
    WAP = 0x12


# esm_class (5.2.12): bits 1-0 the mode, bits 5-2 the type, bits 7-6 the GSM features.
ESM_MODE_MASK: Final = 0x03
ESM_MODE_DEFAULT: Final = 0x00
ESM_MODE_DATAGRAM: Final = 0x01
ESM_MODE_FORWARD: Final = 0x02
ESM_MODE_STORE_AND_FORWARD: Final = 0x03
ESM_TYPE_MASK: Final = 0x3C
ESM_TYPE_DEFAULT: Final = 0x00
ESM_TYPE_RECEIPT: Final = 0x04
ESM_TYPE_DELIVERY_ACK: Final = 0x08
ESM_TYPE_USER_ACK: Final = 0x10
ESM_TYPE_CONVERSATION_ABORT: Final = 0x18
ESM_TYPE_INTERMEDIATE: Final = 0x20
ESM_UDHI: Final = 0x40
ESM_REPLY_PATH: Final = 0x80

# registered_delivery (5.2.17)
RECEIPT_NONE: Final = 0x00
RECEIPT_ALWAYS: Final = 0x01
RECEIPT_ON_FAILURE: Final = 0x02
RECEIPT_ON_SUCCESS: Final = 0x03
"""5.0 only; reserved in 3.4."""
RECEIPT_MASK: Final = 0x03
RECEIPT_INTERMEDIATE: Final = 0x10


class Tag(IntEnum):
    """Tags of the optional parameters: 3.4 (table 5-7), 5.0 (4.8.4), and the gateway's own (gateway.md, 0x2000 up)."""

    DEST_ADDR_SUBUNIT = 0x0005
    DEST_NETWORK_TYPE = 0x0006
    DEST_BEARER_TYPE = 0x0007
    DEST_TELEMATICS_ID = 0x0008
    SOURCE_ADDR_SUBUNIT = 0x000D
    SOURCE_NETWORK_TYPE = 0x000E
    SOURCE_BEARER_TYPE = 0x000F
    SOURCE_TELEMATICS_ID = 0x0010
    QOS_TIME_TO_LIVE = 0x0017
    PAYLOAD_TYPE = 0x0019
    ADDITIONAL_STATUS_INFO_TEXT = 0x001D
    RECEIPTED_MESSAGE_ID = 0x001E
    MS_MSG_WAIT_FACILITIES = 0x0030
    PRIVACY_INDICATOR = 0x0201
    SOURCE_SUBADDRESS = 0x0202
    DEST_SUBADDRESS = 0x0203
    USER_MESSAGE_REFERENCE = 0x0204
    USER_RESPONSE_CODE = 0x0205
    SOURCE_PORT = 0x020A
    DESTINATION_PORT = 0x020B
    SAR_MSG_REF_NUM = 0x020C
    LANGUAGE_INDICATOR = 0x020D
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    CALLBACK_NUM_PRES_IND = 0x0302
    CALLBACK_NUM_ATAG = 0x0303
    NUMBER_OF_MESSAGES = 0x0304
    CALLBACK_NUM = 0x0381
    DPF_RESULT = 0x0420
    SET_DPF = 0x0421
    MS_AVAILABILITY_STATUS = 0x0422
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    DELIVERY_FAILURE_REASON = 0x0425
    MORE_MESSAGES_TO_SEND = 0x0426
    MESSAGE_STATE = 0x0427
    CONGESTION_STATE = 0x0428
    USSD_SERVICE_OP = 0x0501
    BROADCAST_CHANNEL_INDICATOR = 0x0600
    BROADCAST_CONTENT_TYPE = 0x0601
    BROADCAST_CONTENT_TYPE_INFO = 0x0602
    BROADCAST_MESSAGE_CLASS = 0x0603
    BROADCAST_REP_NUM = 0x0604
    BROADCAST_FREQUENCY_INTERVAL = 0x0605
    BROADCAST_AREA_IDENTIFIER = 0x0606
    BROADCAST_ERROR_STATUS = 0x0607
    BROADCAST_AREA_SUCCESS = 0x0608
    BROADCAST_END_TIME = 0x0609
    BROADCAST_SERVICE_GROUP = 0x060A
    BILLING_IDENTIFICATION = 0x060B
    SOURCE_NETWORK_ID = 0x060D
    DEST_NETWORK_ID = 0x060E
    SOURCE_NODE_ID = 0x060F
    DEST_NODE_ID = 0x0610
    DEST_ADDR_NP_RESOLUTION = 0x0611
    DEST_ADDR_NP_INFORMATION = 0x0612
    DEST_ADDR_NP_COUNTRY = 0x0613
    DISPLAY_TIME = 0x1201
    SMS_SIGNAL = 0x1203
    MS_VALIDITY = 0x1204
    ALERT_ON_MESSAGE_DELIVERY = 0x130C
    ITS_REPLY_TYPE = 0x1380
    ITS_SESSION_INFO = 0x1383
    COST = 0x2000
    FLAGS = 0x2001
    PARTS = 0x2002
    MCCMNC = 0x2003
    ADDITIONAL_STATUS = 0x2004
