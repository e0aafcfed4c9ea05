"""Lives the whole life of a character against the service at the address in the first argument."""

import asyncio
import faulthandler
import sys
import time
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from email.utils import formatdate
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import httpx

from character_service_client import (
    Client,
    Conflict,
    Hello,
    HttpError,
    Invalid,
    JsonNumber,
    LiveEvent,
    NotFound,
    PreconditionFailed,
    ProblemError,
    Reset,
    Retry,
    Unavailable,
    UnreadableRowsError,
    Update,
    aitems,
    answer,
    apages,
    astream,
    changed,
    connect,
    dumps,
    fields,
    items,
    loads,
    new_key,
    pages,
    stream,
)
from character_service_client.generated.api.characters import (
    create_character,
    delete_character,
    get_character,
    get_sparse_character,
    list_characters,
    list_sparse_characters,
    patch_character,
    replace_character,
    restore_character,
)
from character_service_client.generated.api.evolution import compare_versions, list_versions
from character_service_client.generated.api.inventory import (
    change_currency,
    create_inventory_item,
    list_inventory,
    list_sparse_inventory,
    move_inventory_item,
)
from character_service_client.generated.api.journal import create_journal_entry, create_quest
from character_service_client.generated.api.progress import award_experience
from character_service_client.generated.models import (
    AwardRequest,
    CharacterField,
    CharacterPage,
    CharacterPatch,
    CharacterReplacement,
    InventoryItemField,
    InventoryItemPage,
    ListInventoryOrder,
    MoveRequest,
    NewCharacter,
    NewInventoryItem,
    NewJournalEntry,
    NewQuest,
    ProblemCode,
    PurseChange,
    QuestImportance,
    QuestStatus,
    SparseCharacterPage,
    UnreadableRow,
)
from character_service_client.generated.types import UNSET, Unset

BASE_URL = sys.argv[1]
# Seconds until a wait for what does not come ends the program.
faulthandler.dump_traceback_later(120, exit=True)
Fault = Callable[[httpx.Request], httpx.Response | None]


class Network:
    """What happens to the next requests: a response of its own, or `None` for a response that is lost."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.sent: list[httpx.Request] = []

    def before(self, request: httpx.Request) -> Fault | None:
        self.sent.append(httpx.Request(request.method, request.url, headers=request.headers))
        return self.faults.pop(0) if self.faults else None


class SyncNetwork(Network, httpx.HTTPTransport):
    def __init__(self) -> None:
        Network.__init__(self)
        httpx.HTTPTransport.__init__(self)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        fault = self.before(request)
        response = super().handle_request(request) if fault is None else fault(request)
        if response is None:
            super().handle_request(request).read()
            raise httpx.ReadError("the network lost the response", request=request)
        return response


class AsyncNetwork(Network, httpx.AsyncHTTPTransport):
    def __init__(self) -> None:
        Network.__init__(self)
        httpx.AsyncHTTPTransport.__init__(self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fault = self.before(request)
        response = await super().handle_async_request(request) if fault is None else fault(request)
        if response is None:
            await (await super().handle_async_request(request)).aread()
            raise httpx.ReadError("the network lost the response", request=request)
        return response


def lose_response(_: httpx.Request) -> None:
    return None


def unavailable(retry_after: str) -> Fault:
    problem = {"type": "/problems/overloaded", "title": "Overloaded", "status": 503, "code": "overloaded"}
    headers = {"Content-Type": "application/problem+json", "Retry-After": retry_after}
    return lambda _: httpx.Response(503, headers=headers, content=dumps(problem))


def equal(found: Any, expected: Any) -> None:
    assert found == expected, f"{found!r} is not {expected!r}"


def refused(call: Callable[[], Any], kind: type[Exception]) -> Any:
    try:
        found = call()
    except kind as error:
        return error
    raise AssertionError(f"it was not refused: {found!r}")


def life(client: Client, network: SyncNetwork) -> None:
    user = uuid4()

    # Birth, with numbers that no `float` has.
    sheet = {
        "deeds": 2**64,
        "luck": Decimal("0.1000000000000000055"),
        "power": Decimal("1e400"),
        "height": 1.5,
        "level": 3,
    }
    made = answer(create_character.sync_detailed(client=client, body=NewCharacter("Torormir", user, data=sheet)))
    equal((made.etag, made.is_replayed), ('"1"', False))
    id = made.value.id

    # A read of what is known already.
    equal(changed(get_character.sync_detailed(id, client=client, if_none_match=made.etag)), None)
    read = answer(get_character.sync_detailed(id, client=client))
    equal(read.value.data, sheet)
    equal([type(read.value.data[name]) for name in ("deeds", "luck", "height")], [int, Decimal, float])

    # A change of all fields returns every number as it was.
    whole = CharacterReplacement.from_dict(read.value.to_dict())
    whole.name = "Torormir the Grey"
    replaced = answer(replace_character.sync_detailed(id, client=client, body=whole, if_match=read.etag))
    equal(replaced.etag, '"2"')
    raw = httpx.get(f"{BASE_URL}/api/v2/characters/{id}").text
    for number in ('"deeds":18446744073709551616', '"luck":0.1000000000000000055', '"power":1e+400', '"height":1.5'):
        assert number in raw, f"{number} is not in {raw}"

    # A merge patch: sets, clears and leaves alone. The second one comes too late.
    patch = CharacterPatch(theme=None, data={"motto": "onward", "level": None})
    patched = patch_character.sync(id, client=client, body=patch, if_match=replaced.etag)
    assert patched is not None
    equal(patched.name, "Torormir the Grey")
    equal((patched.data["motto"], "level" in patched.data), ("onward", False))
    late = refused(
        lambda: patch_character.sync(id, client=client, body=CharacterPatch(name="Late"), if_match=replaced.etag),
        PreconditionFailed,
    )
    equal((late.status, late.code, late.actual_revision), (412, ProblemCode.PRECONDITION_FAILED, 3))
    equal(late.expected_revisions, [2])

    # Several fields at fault.
    wrong = NewCharacter("", user, theme="", is_active="perhaps")  # type: ignore[arg-type]
    invalid = refused(lambda: create_character.sync(client=client, body=wrong), Invalid)
    equal((invalid.code, sorted(invalid.fields)), ("invalid", ["is_active", "name", "theme"]))
    assert invalid.request_id and "theme: " in str(invalid), str(invalid)

    # The response is lost; the repeat has the same key and no second effect.
    network.faults.append(lose_response)
    network.sent.clear()
    paid = answer(change_currency.sync_detailed(id, client=client, body=PurseChange(gp=15)))
    equal((paid.is_replayed, paid.value.gp), (True, 15))
    keys = [request.headers["Idempotency-Key"] for request in network.sent]
    equal((len(keys), len(set(keys))), (2, 1))
    # A key of the caller, as another process would send it again.
    key = new_key()
    for is_replayed in (False, True):
        gift = change_currency.sync_detailed(id, client=client, body=PurseChange(sp=4), idempotency_key=key)
        equal((answer(gift).is_replayed, answer(gift).value.sp), (is_replayed, 4))

    # A repeat is answered with its first position, or the later one that was sent, and the client never goes back.
    network.sent.clear()
    create = partial(change_currency.sync_detailed, id, client=client, idempotency_key=key)
    create(body=PurseChange(sp=4))
    get_character.sync(id, client=client)
    first, second = (int(request.headers["Storage-Position"]) for request in network.sent)
    equal(first, second)

    # Responses to concurrent changes come in any order. One below its request is that of a storage that was restored.
    def position_after(fault: Fault) -> str:
        network.faults.append(fault)
        delete_character.sync_detailed(uuid4(), client=client)
        network.faults.append(lambda _: httpx.Response(204))
        delete_character.sync_detailed(uuid4(), client=client)
        return str(network.sent[-1].headers["Storage-Position"])

    def at(position: int) -> Fault:
        return lambda _: httpx.Response(204, headers={"Storage-Position": str(position)})

    def overtaken(request: httpx.Request) -> httpx.Response | None:
        equal(position_after(at(10**15 + 2)), str(10**15 + 2))
        return at(10**15 + 1)(request)

    equal(position_after(at(10**15)), str(10**15))
    equal(position_after(overtaken), str(10**15 + 2))
    equal(position_after(lambda _: httpx.Response(204, headers={"Storage-Position": "-"})), str(10**15 + 2))

    def restored(request: httpx.Request) -> httpx.Response | None:
        equal(position_after(at(7)), "7")
        return at(6)(request)

    equal(position_after(restored), "7")
    equal(position_after(at(5)), "5")

    # `Retry-After` is obeyed within the bound, and not beyond it.
    network.faults.append(unavailable("1"))
    before = time.monotonic()
    get_character.sync(id, client=client)
    assert time.monotonic() - before >= 1
    for long in ("3600", formatdate(time.time() + 3600, usegmt=True)):
        network.faults.append(unavailable(long))
        equal(refused(lambda: get_character.sync(id, client=client), Unavailable).code, "overloaded")
    # What is not from the service is no problem of it.
    network.faults.append(lambda _: httpx.Response(403, content="<h1>Forbidden</h1>"))
    foreign = refused(lambda: get_character.sync(id, client=client), HttpError)
    equal((foreign.status, isinstance(foreign, ProblemError)), (403, False))

    # Attempts have a number.
    lost = SyncNetwork()
    lost.faults = [lose_response] * 3
    with connect(BASE_URL, transport=lost, retry=Retry(attempts=2)) as unreachable:
        refused(lambda: get_character.sync(id, client=unreachable), httpx.ReadError)
    equal(len(lost.sent), 2)

    # The time of the caller is named when it is given, the time of one call before that of all, and never for a stream.
    def named(client: Client, network: SyncNetwork, x_request_timeout_ms: int | Unset = UNSET) -> str | None:
        network.sent.clear()
        get_character.sync(id, client=client, x_request_timeout_ms=x_request_timeout_ms)
        return dict(network.sent[-1].headers).get("x-request-timeout-ms")

    equal(named(client, network), None)
    hurried = SyncNetwork()
    with connect(BASE_URL, transport=hurried, retry=Retry(attempts=1), timeout=20.0001) as impatient:
        equal([named(impatient, hurried), named(impatient, hurried, 15_000)], ["20001", "15000"])
        over = refused(lambda: named(impatient, hurried, 0), Unavailable)
        equal((over.status, over.code), (504, ProblemCode.DEADLINE_EXCEEDED))
        with closing(stream(impatient, characters=[id])) as live:
            next(live)
        equal(hurried.sent[-1].headers.get("X-Request-Timeout-Ms"), None)

    # Some fields, typed as others, with the entity tag of the whole row.
    wanted = fields(CharacterField.NAME, CharacterField.REVISION, data=("height", "none.such"))
    equal(wanted, "name,revision,data.height,data.none.such")
    whole_now = answer(get_character.sync_detailed(id, client=client))
    part = answer(get_sparse_character.sync_detailed(id, client=client, fields=wanted))
    equal((part.value.name, part.value.data), ("Torormir the Grey", {"height": 1.5}))
    equal((part.value.revision, part.etag), (whole_now.value.revision, whole_now.etag))
    equal((part.value.id, part.value.theme), (UNSET, UNSET))
    equal(changed(get_sparse_character.sync_detailed(id, client=client, fields="name", if_none_match=part.etag)), None)

    def names(cursor: str | Unset) -> SparseCharacterPage | None:
        return list_sparse_characters.sync(client=client, user_id=user, fields="name", limit=1, cursor=cursor)

    equal([character.to_dict() for character in items(names)], [{"name": "Torormir the Grey"}])
    unknown = refused(lambda: get_sparse_character.sync(id, client=client, fields="colour"), Invalid)
    equal(sorted(unknown.fields), ["fields"])
    for nothing in ((), ("",), ("a..b",), ("a,b",)):
        refused(partial(fields, data=nothing), ValueError)

    # Inventory.
    pack = create_inventory_item.sync(
        id, client=client, body=NewInventoryItem("Backpack", data={"weight": 5, "capacity": 30})
    )
    assert pack is not None
    for name in ("Sword", "Rope", "Lamp", "Map"):
        create_inventory_item.sync(
            id, client=client, body=NewInventoryItem(name, container=pack.id, data={"weight": 1})
        )
    move = MoveRequest(container=pack.id)
    cycle = refused(lambda: move_inventory_item.sync(id, pack.id, client=client, body=move), Conflict)
    equal(cycle.code, ProblemCode.CONTAINER_CYCLE)

    # Every row of a list of several pages.
    def page(cursor: str | Unset) -> InventoryItemPage | None:
        return list_inventory.sync(id, client=client, limit=2, order=ListInventoryOrder.NAME, cursor=cursor)

    equal([item.name for item in items(page)], ["Backpack", "Lamp", "Map", "Rope", "Sword"])
    equal([len(page.items) for page in pages(page)], [2, 2, 1])

    weights = fields(InventoryItemField.NAME, data=("weight",))
    light = list_sparse_inventory.sync(id, client=client, fields=weights, name="rope")
    assert light is not None
    equal([item.to_dict() for item in light.items], [{"name": "Rope", "data": {"weight": 1}}])

    # A row that the service cannot read.
    row = {"position": 0, "id": str(pack.id), "problem": "storage-corrupt"}
    spoilt = dumps({"items": [], "next_cursor": None, "unreadable": [row]})
    network.faults.append(lambda _: httpx.Response(200, content=spoilt))
    equal(refused(lambda: list(items(page)), UnreadableRowsError).rows[0].id, pack.id)
    network.faults.append(lambda _: httpx.Response(200, content=spoilt))
    taken: list[UnreadableRow] = []
    equal((list(items(page, taken.extend)), [row.problem for row in taken]), ([], ["storage-corrupt"]))

    # Journal, experience and levels.
    entry = create_journal_entry.sync(
        id, client=client, body=NewJournalEntry("Hollowmere", tags=["ogre"], session_number=1)
    )
    assert entry is not None
    heir = NewQuest("Recover the lost heir", importance=QuestImportance.HIGH)
    quest = create_quest.sync(id, entry.id, client=client, body=heir)
    assert quest is not None
    equal(quest.status, QuestStatus.ACTIVE)
    ogre = AwardRequest(amount=2800, source="combat", reason="an ogre")
    awarded = award_experience.sync(id, client=client, body=ogre)
    assert awarded is not None
    equal((awarded.leveled_up, awarded.level_after), (True, 4))

    # Live updates: the first connection is cut after `hello`, the second one resumes behind it.
    def cut_after_hello(request: httpx.Request) -> httpx.Response:
        response = httpx.HTTPTransport.handle_request(network, request)
        first = next(response.iter_raw())
        response.close()
        return httpx.Response(200, headers=response.headers, content=first)

    network.faults.append(cut_after_hello)
    network.sent.clear()
    heard: list[LiveEvent] = []
    for event in stream(client, characters=[id]):
        heard.append(event)
        if len(heard) == 1:
            patch_character.sync(id, client=client, body=CharacterPatch(name="Torormir the White"))
        if isinstance(event, Update):
            break
    update = heard[-1]
    assert isinstance(heard[0], Hello) and isinstance(update, Update), heard
    equal((update.type, update.character, update.changed), ("character.updated", id, ["name"]))
    opened = [request for request in network.sent if request.url.path == "/api/v2/stream"]
    equal([request.headers.get("Last-Event-ID") for request in opened], [None, heard[0].event_id])
    # A position of another storage.
    foreign_id = f"{UUID(int=0)}.1"
    events = stream(client, characters=[id], last_event_id=foreign_id)
    assert any(isinstance(event, Reset) for event in islice(events, 2))
    equal(refused(lambda: next(stream(client)), Invalid).status, 422)

    # Versions.
    versions = list(items(lambda cursor: list_versions.sync(id, client=client, limit=3, cursor=cursor)))
    assert len(versions) > 6, versions
    compared = compare_versions.sync(id, client=client, from_=versions[-1].id, to=versions[0].id)
    assert compared is not None
    assert {"/name", "/data/motto"} <= {change["path"] for change in compared.changes}, compared

    # Death and return.
    delete_character.sync_detailed(id, client=client)
    equal(refused(lambda: get_character.sync(id, client=client), NotFound).code, "not-found")
    back = restore_character.sync(id, client=client)
    assert back is not None
    equal((back.name, back.deleted_at), ("Torormir the White", None))


async def life_in_asyncio() -> None:
    network = AsyncNetwork()
    user = uuid4()
    async with connect(BASE_URL, author="life", async_transport=network, retry=Retry(patience=20)) as client:
        ids = []
        for name in ("Ilse", "Jorun", "Kar"):
            network.faults = [lose_response]
            new = NewCharacter(name, user, data={"luck": Decimal("0.1000000000000000055")})
            made = answer(await create_character.asyncio_detailed(client=client, body=new))
            equal(made.is_replayed, True)
            ids.append(made.value.id)
        id = ids[0]

        async def page(cursor: str | Unset) -> CharacterPage | None:
            return await list_characters.asyncio(client=client, user_id=user, limit=2, cursor=cursor)

        equal([character.id async for character in aitems(page)], ids[::-1])
        equal([len(page.items) async for page in apages(page)], [2, 1])

        network.faults = [unavailable("0"), unavailable("3600")]
        try:
            await get_character.asyncio(id, client=client)
            raise AssertionError("it was not refused")
        except Unavailable as error:
            equal(error.code, "overloaded")

        events = astream(client, characters=[id])
        hello = await anext(events)
        assert isinstance(hello, Hello), hello
        await patch_character.asyncio(id, client=client, body=CharacterPatch(name="Ilse the Bold"), if_match='"1"')
        update = await anext(events)
        assert isinstance(update, Update) and update.revision == 2, update
        try:
            await patch_character.asyncio(id, client=client, body=CharacterPatch(name="Late"), if_match='"1"')
            raise AssertionError("it was not refused")
        except PreconditionFailed as late:
            equal(late.actual_revision, 2)


def numbers() -> None:
    for text in ("0.5", "-1.5e-05", "123456789012345678901234567890", "5e-324", "true"):
        equal(dumps(loads(text)), text)
        assert not isinstance(loads(text), Decimal), text
    digits = "1" + "0" * 5000
    for text in ("1E+400", "-0.1000000000000000055", digits, f"{digits}.5", "1e99999999999999999999"):
        whole = f'{{"a":["1e400",{text}],"b\\"2e999":null}}'
        equal(dumps(loads(whole)), whole)
    for value in (float("nan"), Decimal("Infinity")):
        refused(partial(dumps, [value]), ValueError)
    refused(lambda: JsonNumber("0x1"), ValueError)
    # A word that a later version of the service adds.
    equal((QuestStatus("paused"), QuestStatus("active") is QuestStatus.ACTIVE), ("paused", True))


network = SyncNetwork()
with connect(f"{BASE_URL}/", author="life", transport=network, retry=Retry(patience=20)) as client:
    life(client, network)
asyncio.run(life_in_asyncio())
numbers()
print("the character has lived")
