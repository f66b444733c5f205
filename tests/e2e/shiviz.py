"""ShiViz's rules for a log, as its parser and its documentation have them, strictly.

A log is events of two lines each, taken one after the other by ShiViz's default regular
expression; a host is one word; a clock is a JSON object of positive numbers by host. Of each host
the own component rises by one from 1; what a clock names exists; and a clock knows all that the
events which it names knew.
"""
import json
import re

EVENT = re.compile(r"(?P<event>.*)\n(?P<host>\S*) (?P<clock>{.*})\n?")


class Broken(Exception):
    pass


def unique(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Broken(f"a host is named twice: {pairs}")
    return found


def parse(text):
    """[(event, host, clock)] of a whole log."""
    events, at = [], 0
    while at < len(text):
        found = EVENT.match(text, at)
        if not found:
            raise Broken(f"no event at {text[at:at + 60]!r}")
        try:
            clock = json.loads(found["clock"], object_pairs_hook=unique)
        except json.JSONDecodeError as problem:
            raise Broken(f"{found['clock']}: {problem}") from problem
        events.append((found["event"], found["host"], clock))
        at = found.end()
    return events


def dominates(a, b):
    return all(a.get(host, 0) >= count for host, count in b.items())


def check(events):
    """The same events by (host, own component); Broken if a rule is not kept."""
    known = {}
    for event, host, clock in events:
        if not event or not host:
            raise Broken(f"an event without text or host: {event!r} {host!r}")
        if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0
                   for n in clock.values()):
            raise Broken(f"{event}: a component is not a positive number")
        own = clock.get(host)
        if own is None:
            raise Broken(f"{event}: its clock does not name its host")
        if (host, own) in known:
            raise Broken(f"{event}: {host} has two events {own}")
        known[host, own] = (event, clock)
    for (host, own), (event, clock) in known.items():
        if own > 1 and (host, own - 1) not in known:
            raise Broken(f"{event}: {host} has no event {own - 1}")
        if own > 1 and not dominates(clock, known[host, own - 1][1]):
            raise Broken(f"{event}: it has forgotten what its host knew")
        for other, count in clock.items():
            if (other, count) not in known:
                raise Broken(f"{event}: {other} has no event {count}")
            if not dominates(clock, known[other, count][1]):
                raise Broken(f"{event}: it does not know what {other} {count} knew")
            if other != host and known[other, count][1].get(host, 0) >= own:
                raise Broken(f"{event}: {other} {count} knows it already")
    return known
