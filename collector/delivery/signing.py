"""
How chats have messages signed by a secret that both sides know.

DingTalk and Feishu both take `timestamp + newline + secret` and HMAC-SHA256, and differ in everything else.
"""

import base64
import hashlib
import hmac
from urllib.parse import quote_plus


def dingtalk_address(url: str, secret: str, now_ms: int) -> str:
    """
    The address of a DingTalk robot with the signature of a time in milliseconds, which may be off by an hour.

    The secret is the key, and timestamp and secret are the text:
    https://open.dingtalk.com/document/robots/customize-robot-security-settings
    """
    sign = _digest(secret.encode(), f"{now_ms}\n{secret}".encode())
    return f"{url}{'&' if '?' in url else '?'}timestamp={now_ms}&sign={quote_plus(sign)}"


def feishu_members(secret: str, now_ms: int) -> dict[str, str]:
    """
    The members that sign a Feishu or Lark message, by a time in seconds, which may be off by an hour.

    Timestamp and secret are the key here, and the text is empty:
    https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
    """
    timestamp = str(now_ms // 1000)
    return {"timestamp": timestamp, "sign": _digest(f"{timestamp}\n{secret}".encode(), b"")}


def _digest(key: bytes, text: bytes) -> str:
    return base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode("ascii")
