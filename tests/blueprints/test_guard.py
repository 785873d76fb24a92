"""Who may come in: hosts, origins, keys, peers and proxies in front."""

import pytest

from tests.badinput.doors import DOORS, told

SPOKEN = [DOORS[name] for name in ("chat", "messages", "generate", "ollama_chat")]
doors = pytest.mark.parametrize("door", SPOKEN, ids=lambda door: door.protocol)
KEY = "front-door-key"
SITE = "https://app.example"


def ask(app, door, **more):
    """Return the answer to a door's good body."""
    return app.test_client().post(door.url(), json=door.good(), **more)


def refused(answer, door, status):
    """Return what a refusal says, in the door's own form."""
    assert answer.status_code == status, answer.data
    return told(door.protocol, status, answer.content_type, answer.data)


HOSTS = {
    "localhost": 200,
    "LocalHost:8001": 200,
    "127.0.0.1": 200,
    "[::1]:8001": 200,
    "[::1]": 200,
    "[::2]": 421,
    "127.0.0.2": 421,
    "10.0.0.1:8001": 421,
    "evil.com": 421,
    "localhost.evil.com": 421,
    "localhost@evil.com": 400,
    "localhost/x": 400,
    "localhost:8001:1": 400,
    "localhost:port": 400,
    "localhost,evil.com": 400,
    "::1": 400,
    "": 400,
    "höst": 400,
}


@doors
@pytest.mark.parametrize(("host", "status"), HOSTS.items(), ids=HOSTS)
def test_c17_only_our_own_hosts_are_answered_for(apps, provider, door, host, status):
    answer = ask(apps(), door, headers={"Host": host})
    if status == 200:
        assert answer.status_code == 200
    else:
        assert "ost" in refused(answer, door, status).message
        assert provider.requests == []


def test_hosts_that_are_allowed_by_name_are_answered_for(apps, provider):
    app = apps(WALLAS_ALLOWED_HOSTS="gateway.lan, Other.Example")
    for host, status in {"gateway.lan": 200, "GATEWAY.LAN:80": 200, "other.example": 200, "x.gateway.lan": 421}.items():
        assert ask(app, DOORS["chat"], headers={"Host": host}).status_code == status


def test_a_gateway_for_other_machines_is_found_under_any_address_but_not_under_any_name(apps, provider):
    app = apps(WALLAS_HOST="0.0.0.0", PROXY_API_KEY=KEY)
    headers = {"Authorization": f"Bearer {KEY}"}
    assert ask(app, DOORS["chat"], headers=headers | {"Host": "192.168.1.7:8001"}).status_code == 200
    assert ask(app, DOORS["chat"], headers=headers | {"Host": "[fd00::1]:8001"}).status_code == 200
    assert ask(app, DOORS["chat"], headers=headers | {"Host": "evil.com"}).status_code == 421


FOREIGN = {
    "site": {"Origin": "https://evil.example"},
    "null": {"Origin": "null"},
    "empty": {"Origin": ""},
    "other-port": {"Origin": "http://localhost:3000"},
    "other-name": {"Origin": "http://127.0.0.1"},
    "path": {"Origin": "http://localhost/x"},
    "extension": {"Origin": "chrome-extension://abc"},
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same-site": {"Sec-Fetch-Site": "Same-Site"},
    "own-origin-but-cross": {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
}


@doors
@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_s16_a_page_of_another_origin_is_refused(apps, provider, door, headers):
    answer = ask(apps(), door, headers=headers)
    refused(answer, door, 403)
    assert provider.requests == []
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost"},
        {"Origin": "HTTP://LOCALHOST"},
        {"Origin": "https://localhost"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "127.0.0.1:8001", "Origin": "http://127.0.0.1:8001"},
    ],
    ids=str,
)
def test_our_own_page_is_answered(apps, provider, headers):
    answer = ask(apps(), DOORS["chat"], headers=headers)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_health_of_the_gateway_may_be_read_from_any_page_and_nothing_else(apps):
    client = apps().test_client()
    assert client.get("/health", headers={"Origin": "https://evil.example"}).status_code == 200
    assert client.get("/health", headers={"Host": "evil.com"}).status_code == 421
    for path in ("/v1/models", "/v1/providers", "/v1/stats", "/health/ready", "/", "/api/tags"):
        assert client.get(path, headers={"Origin": "https://evil.example"}).status_code == 403


def test_s18_an_allowed_origin_gets_exactly_itself_back(apps, provider):
    app = apps(WALLAS_ALLOWED_ORIGINS=f"{SITE},app://obsidian.md")
    for origin in (SITE, "app://obsidian.md"):
        answer = ask(app, DOORS["chat"], headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    refused(ask(app, DOORS["chat"], headers={"Origin": "https://app.example.evil"}), DOORS["chat"], 403)


def test_s18_an_allowed_origin_is_let_in_by_a_preflight_and_a_foreign_one_is_not(apps):
    client = apps(WALLAS_ALLOWED_ORIGINS=SITE, PROXY_API_KEY=KEY).test_client()
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-willaku-tier"}
    answer = client.options("/v1/chat/completions", headers=asked | {"Origin": SITE})
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization,x-willaku-tier"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    answer = client.options("/v1/chat/completions", headers=asked | {"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_s18_an_allowed_origin_can_read_the_refusal_of_its_key(apps):
    app = apps(WALLAS_ALLOWED_ORIGINS=SITE, PROXY_API_KEY=KEY)
    answer = ask(app, DOORS["chat"], headers={"Origin": SITE})
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == SITE


SHOWN = {
    "bearer": {"Authorization": f"Bearer {KEY}"},
    "lower-case": {"authorization": f"bearer {KEY}"},
    "spaces": {"Authorization": f"Bearer  {KEY} "},
    "x-api-key": {"x-api-key": KEY},
    "x-goog-api-key": {"x-goog-api-key": KEY},
    "the-same-twice": {"Authorization": f"Bearer {KEY}", "x-api-key": KEY},
}


@doors
@pytest.mark.parametrize("headers", SHOWN.values(), ids=SHOWN)
def test_s25_the_key_is_taken_from_each_protocols_header(apps, provider, door, headers):
    assert ask(apps(PROXY_API_KEY=KEY), door, headers=headers).status_code == 200


WRONG = {
    "none": {},
    "empty": {"Authorization": "Bearer "},
    "wrong": {"Authorization": "Bearer wrong"},
    "prefix": {"x-api-key": KEY[:-1]},
    "longer": {"x-api-key": KEY + "x"},
    "case": {"x-api-key": KEY.upper()},
    "basic": {"Authorization": f"Basic {KEY}"},
    "bare": {"Authorization": KEY},
    "cookie": {"Cookie": f"key={KEY}"},
    "latin": {"x-api-key": "kéy"},
}


@doors
@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
def test_s25_without_the_key_nobody_is_called(apps, provider, sdks, door, headers):
    answer = ask(apps(PROXY_API_KEY=KEY), door, headers=headers)
    said = refused(answer, door, 401)
    assert provider.requests == []
    assert KEY not in answer.get_data(as_text=True)
    sdks.check(door.protocol, 401, dict(answer.headers), answer.data, said.message)


@doors
def test_s19_a_key_in_the_address_is_none(apps, provider, door):
    answer = apps(PROXY_API_KEY=KEY).test_client().post(f"{door.url()}?key={KEY}", json=door.good())
    refused(answer, door, 401)


@doors
def test_s25_two_different_keys_are_refused_whichever_is_right(apps, provider, door):
    for headers in (
        {"Authorization": f"Bearer {KEY}", "x-api-key": "other"},
        {"x-goog-api-key": KEY, "x-api-key": "other"},
    ):
        said = refused(ask(apps(PROXY_API_KEY=KEY), door, headers=headers), door, 400)
        assert "two different keys" in said.message


def test_a_key_with_letters_beyond_ascii_is_the_same_as_bytes(apps, provider):
    app = apps(PROXY_API_KEY="clavé")
    headers = {"x-api-key": "clavé".encode().decode("latin-1")}
    assert ask(app, DOORS["chat"], headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/providers", "/v1/stats", "/", "/api/tags", "/nowhere", "/v1/usage"]
)
def test_every_route_wants_the_key_but_the_health(apps, path):
    client = apps(PROXY_API_KEY=KEY).test_client()
    assert client.get(path).status_code == 401
    assert client.get("/health").status_code == 200
    assert client.get("/health/ready").status_code == 200


def test_without_a_key_any_key_is_taken(apps, provider):
    assert ask(apps(), DOORS["chat"], headers={"Authorization": "Bearer anything-local"}).status_code == 200


PROXIED = {
    "forwarded": {"Forwarded": "for=1.2.3.4"},
    "x-forwarded-for": {"X-Forwarded-For": "1.2.3.4"},
    "x-forwarded-host": {"X-Forwarded-Host": "x"},
    "x-real-ip": {"X-Real-IP": "1.2.3.4"},
    "via": {"Via": "1.1 nginx"},
}


@doors
@pytest.mark.parametrize("headers", PROXIED.values(), ids=PROXIED)
def test_s46_behind_a_proxy_nobody_comes_in_without_a_key(apps, provider, door, headers):
    refused(ask(apps(), door, headers=headers), door, 401)
    assert provider.requests == []
    with_key = headers | {"x-api-key": KEY}
    assert ask(apps(PROXY_API_KEY=KEY), door, headers=with_key).status_code == 200


@doors
def test_a_caller_on_another_machine_is_refused_without_a_key(apps, provider, door):
    for peer in ("192.168.1.5", "8.8.8.8", "fe80::1", "::ffff:10.0.0.1", "garbage"):
        refused(ask(apps(), door, environ_overrides={"REMOTE_ADDR": peer}), door, 401)
    for peer in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert ask(apps(), door, environ_overrides={"REMOTE_ADDR": peer}).status_code == 200


def test_who_allows_anonymous_callers_has_them(apps, provider):
    app = apps(WALLAS_ALLOW_ANON="1")
    answer = ask(app, DOORS["chat"], headers={"Via": "x"}, environ_overrides={"REMOTE_ADDR": "8.8.8.8"})
    assert answer.status_code == 200


def test_a_proxy_that_is_trusted_may_say_whom_it_serves(apps, provider):
    app = apps(WALLAS_TRUSTED_PROXIES="127.0.0.1")
    assert ask(app, DOORS["chat"], headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 200


def test_s22_every_answer_forbids_to_guess_its_type_and_to_keep_it(apps, provider):
    client = apps().test_client()
    for answer in (client.get("/v1/models"), client.get("/nowhere"), ask(apps(), DOORS["chat"])):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"].startswith("no-")
