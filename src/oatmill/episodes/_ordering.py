"""The compiled passes that bring a log into order: rows packed into one integer, dealt into parts, scattered by day."""

from __future__ import annotations

import numpy as np

from oatmill.episodes._compiled import compiled

# A row without its client packed into one integer that sorts by day, site and medication.
DAY_BITS, SITE_BITS, MEDICATION_BITS, TAKE_HOME_BITS, DOSE_BITS = 17, 16, 4, 11, 16
DAY_SHIFT, SITE_SHIFT, MEDICATION_SHIFT, TAKE_HOME_SHIFT = 47, 31, 27, 16


@compiled
def count_parts(client, first_client, part_bits, count):  # type: ignore[no-untyped-def]
    """Add the rows of each part, 2^`part_bits` clients wide, to `count`."""
    for i in range(client.size):
        count[(client[i] - first_client) >> part_bits] += 1


@compiled
def partition(rows, first_client, first_day, part_bits, place, clients, keys):  # type: ignore[no-untyped-def]
    """Put each row, packed, at the next free place of its part."""
    client, day, dose, site, medication, take_home = rows
    for i in range(client.size):
        part = (client[i] - first_client) >> part_bits
        key = np.uint64(day[i] - first_day) << np.uint64(DAY_SHIFT)
        key |= np.uint64(site[i] + 1) << np.uint64(SITE_SHIFT)
        key |= np.uint64(medication[i] + 1) << np.uint64(MEDICATION_SHIFT)
        key |= np.uint64(take_home[i]) << np.uint64(TAKE_HOME_SHIFT)
        clients[place[part]], keys[place[part]] = client[i], key | np.uint64(dose[i] + 1)
        place[part] += 1


@compiled
def unpack(keys, first_day):  # type: ignore[no-untyped-def]
    """Day, dose, site, medication and take-home days of packed rows."""
    day, dose, site = np.empty(keys.size, np.int32), np.empty(keys.size, np.int32), np.empty(keys.size, np.int32)
    medication, take_home = np.empty(keys.size, np.int8), np.empty(keys.size, np.int16)
    for i in range(keys.size):
        key = np.int64(keys[i] & np.uint64(2**63 - 1))
        day[i] = np.int64(keys[i] >> np.uint64(DAY_SHIFT)) + first_day
        site[i] = ((key >> SITE_SHIFT) & (2**SITE_BITS - 1)) - 1
        medication[i] = ((key >> MEDICATION_SHIFT) & (2**MEDICATION_BITS - 1)) - 1
        take_home[i] = (key >> TAKE_HOME_SHIFT) & (2**TAKE_HOME_BITS - 1)
        dose[i] = (key & (2**DOSE_BITS - 1)) - 1
    return day, dose, site, medication, take_home


@compiled
def order_part(client, key, first_client, width):  # type: ignore[no-untyped-def]
    """Client and packed rows of one part, sorted: by client, then scattered by day, their high bits."""
    first = np.zeros(width + 1, dtype=np.int64)
    for i in range(client.size):
        first[client[i] - first_client + 1] += 1
    first = np.cumsum(first)
    place, by_client, sorted_keys = first.copy(), np.empty_like(key), np.empty_like(key)
    for i in range(client.size):
        who = client[i] - first_client
        by_client[place[who]] = key[i]
        place[who] += 1
    sorted_client = np.empty_like(client)
    for who in range(width):
        here = slice(first[who], first[who + 1])
        sorted_client[here] = first_client + who
        _scatter_by_day(by_client[here], sorted_keys[here])
    return sorted_client, sorted_keys


@compiled
def _scatter_by_day(key, out):  # type: ignore[no-untyped-def]
    if key.size == 0:
        return
    first, last = np.int64(key.min() >> np.uint64(DAY_SHIFT)), np.int64(key.max() >> np.uint64(DAY_SHIFT))
    if last - first > 16 * key.size + 1000:  # few rows over many years
        out[:] = key
        out.sort()
        return
    place = np.zeros(last - first + 2, dtype=np.int32)
    for k in key:
        place[np.int64(k >> np.uint64(DAY_SHIFT)) - first + 1] += 1
    for day in range(1, place.size):
        place[day] += place[day - 1]
    for k in key:
        here = np.int64(k >> np.uint64(DAY_SHIFT)) - first
        out[place[here]] = k
        place[here] += 1
    for i in range(1, out.size):
        if out[i] < out[i - 1]:  # several rows on one day
            out.sort()
            return
