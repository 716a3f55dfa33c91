// Why a month costs more is slow to read: the page comes without it, and these parts are put in as soon as it is read.

const address = new URL(location.href);
address.searchParams.set("why", "true");

async function fill() {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const read = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of read.querySelectorAll("#sentence, [id^='change-'], [id^='why-']:not([id^='why-title'])")) {
    document.getElementById(part.id)?.replaceWith(document.importNode(part, true));
  }
}

fill();
