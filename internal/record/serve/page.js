// Shows changes as the server tells of them. Where no script runs, the page loads itself
// again instead.
"use strict";

const events = new EventSource("/events");
let busy = false;

async function update() {
	if (busy) {
		return;
	}
	busy = true;
	try {
		const answer = await fetch("/", {cache: "no-store"});
		if (!answer.ok) {
			return;
		}
		const next = new DOMParser().parseFromString(await answer.text(), "text/html");
		const focused = document.activeElement && document.activeElement.getAttribute("href");
		document.title = next.title;
		for (const part of ["header", "main", "footer"]) {
			document.querySelector(part).replaceWith(document.adoptNode(next.querySelector(part)));
		}
		const again = focused && [...document.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused);
		if (again) {
			again.focus({preventScroll: true});
		}
	} catch {
		// The server is away: the events begin again when it is back.
	} finally {
		busy = false;
	}
}

events.addEventListener("change", update);
events.addEventListener("error", () => {
	if (events.readyState === EventSource.CLOSED) {
		setTimeout(() => location.reload(), 10000);
	}
});
