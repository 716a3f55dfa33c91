"""The checks of `lynceus check` for reports that are sent: the mail server, and the files of webhooks. Nothing is sent."""

from collections.abc import Iterator

from collector.checked import Check
from collector.delivery.mail import check_smtp
from collector.delivery.outcome import NotSentError
from collector.delivery.webhook import check_webhook
from collector.settings.delivery import DeliverySettings

REMEDY = "`lynceus report send --test NAME` sends a message"


def check_delivery(delivery: DeliverySettings) -> list[Check]:
    """Connects to the mail server and logs in; of a webhook the files are read, since only a message would try it."""
    return [*_mail(delivery), *_webhooks(delivery)]


def _mail(delivery: DeliverySettings) -> Iterator[Check]:
    smtp = delivery.smtp
    if not smtp.host:
        return
    try:
        name = check_smtp(smtp)
    except NotSentError as error:
        yield Check(False, "mail", str(error), REMEDY)
    else:
        as_whom = f" as {smtp.username}" if smtp.username else ""
        yield Check(True, "mail", f"{smtp.host}:{smtp.port} answers{as_whom}: {name}")


def _webhooks(delivery: DeliverySettings) -> Iterator[Check]:
    for hook in delivery.webhooks:
        try:
            host = check_webhook(hook)
        except NotSentError as error:
            yield Check(False, f"webhook {hook.name}", str(error), REMEDY)
        else:
            yield Check(True, f"webhook {hook.name}", f"its files are complete, for {host}; no message was sent")
