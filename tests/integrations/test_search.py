"""Web search over every service's own wire: order, merging, rests, quotas, and what is said when nobody answers."""

import pytest

from tests.integrations.sites import Sites
from wallas.app import create_app
from wallas.integrations.search.results import Result, merged, page_of, result
from wallas.settings import load_settings

A = ("Tides at Cádiz", "https://example.org/tides", "High water is at 06:12.")
B = ("Harbour", "https://example.org/harbour", "The harbour opens at seven.")
C = ("Boats", "https://boats.example/", "Boats for hire.")
D = ("Nets", "https://nets.example/a?utm_source=x", "Nets and ropes.")

KEYED = {
    "brave": {"BRAVE_API_KEY": "key-brave"},
    "tavily": {"TAVILY_API_KEY": "key-tavily"},
    "serpapi": {"SERPAPI_KEY": "key-serpapi"},
    "google_cse": {"GOOGLE_CSE_KEY": "key-google", "GOOGLE_CSE_ID": "cx-1"},
    "wikipedia": {},
}


@pytest.fixture
def sites():
    sites = Sites()
    yield sites
    sites.close()


@pytest.fixture
def gateway(sites, tmp_path):
    """Return what makes a client of a gateway with these variables, its search services moved to this machine."""
    made = []

    def make(**variables):
        bases = {f"{name.upper()}_BASE_URL": f"{sites.url}/{name}" for name in KEYED}
        fixed = {"WALLAS_DATABASE_URL": f"sqlite:///{tmp_path / 'w.sqlite'}", "WALLAS_KEYLESS": "off"}
        app = create_app(load_settings(fixed | bases | variables, directory=tmp_path))
        made.append(app)
        return app.test_client()

    yield make
    for app in made:
        app.extensions["wallas"].close()


def search(client, query="tides", **more):
    answer = client.post("/v1/search/web", json={"query": query, **more})
    return answer.status_code, answer.get_json()


@pytest.mark.parametrize("name", [*KEYED, "searxng"])
def test_every_service_is_asked_on_its_own_wire_and_read(gateway, sites, name):
    client = gateway(**KEYED.get(name, {"SEARXNG_URL": f"{sites.url}/searxng"}))
    sites.knows[name] = [A, B]
    status, told = search(client, "tides at cadiz", backend=name, language="es")
    assert status == 200, told
    assert [(row["title"], row["url"], row["snippet"], row["backend"]) for row in told["results"]] == [
        (*A, name),
        (*B, name),
    ]
    assert told["backends"][0]["backend"] == name and told["backends"][0]["outcome"] == "ok"
    ((_, path, query, headers),) = sites.asked
    words = query.get("q") or query.get("query") or query.get("gsrsearch")
    if name == "wikipedia":
        words = query["gsrsearch"]
    assert words == "tides at cadiz"
    keys = {
        "brave": headers.get("x-subscription-token") == "key-brave" and path == "/res/v1/web/search",
        "tavily": headers.get("authorization") == "Bearer key-tavily" and path == "/search",
        "serpapi": query.get("api_key") == "key-serpapi" and query.get("engine") == "google",
        "google_cse": query.get("key") == "key-google" and query.get("cx") == "cx-1",
        "searxng": query.get("format") == "json",
        "wikipedia": path == "/w/api.php",
    }
    assert keys[name]


def test_an_own_instance_comes_first_and_others_are_asked_where_it_finds_too_little(gateway, sites):
    client = gateway(**KEYED["brave"], SEARXNG_URL=f"{sites.url}/searxng")
    sites.knows |= {"searxng": [A], "brave": [(A[0], "http://www.example.org/tides/", A[2] + " Low at noon."), B, C]}
    _, told = search(client)
    assert sites.names() == ["searxng", "brave"]
    assert [row["url"] for row in told["results"]] == [A[1], B[1], C[1]]
    assert told["results"][0]["snippet"].endswith("Low at noon.")


def test_a_service_that_fails_is_followed_by_the_next_and_rests(gateway, sites):
    client = gateway(**KEYED["brave"], **KEYED["tavily"])
    sites.says["brave"] = (429, {"error": "rate"})
    sites.knows["tavily"] = [A, B, C]
    _, told = search(client)
    assert [(one["backend"], one["outcome"]) for one in told["backends"]] == [("brave", "rate_limit"), ("tavily", "ok")]
    search(client, "another question")
    assert sites.names() == ["brave", "tavily", "tavily"]


def test_answers_are_remembered(gateway, sites):
    client = gateway(**KEYED["brave"])
    sites.knows["brave"] = [A, B, C]
    _, first = search(client, "Tides  today")
    _, second = search(client, "tides today")
    assert second["cached"] and not first["cached"] and second["results"] == first["results"]
    assert sites.names() == ["brave"]


def test_no_result_is_said_and_not_remembered(gateway, sites):
    client = gateway(**KEYED["serpapi"])
    sites.knows["wikipedia"] = []
    status, told = search(client)
    assert (status, told["results"], told["total"]) == (200, [], 0)
    assert {one["outcome"] for one in told["backends"]} == {"no results"}
    search(client)
    assert sites.names() == ["serpapi", "wikipedia"] * 2


def test_engines_that_all_failed_are_no_empty_answer(gateway, sites):
    client = gateway(SEARXNG_URL=f"{sites.url}/searxng")
    sites.says["searxng"] = (200, {"results": [], "unresponsive_engines": [["google", "CAPTCHA"]]})
    status, told = search(client, backend="searxng")
    assert status == 502 and "none of SearXNG's engines answered" in told["error"]["message"]


def test_a_quota_is_known_before_it_is_hit(gateway, sites):
    client = gateway(**KEYED["google_cse"])
    sites.knows["google_cse"] = [A, B, C]
    for number in range(100):
        assert search(client, f"question {number}", backend="google_cse")[0] == 200
    status, told = search(client, "one more", backend="google_cse")
    assert status == 429 and "quota" in told["error"]["message"] and len(sites.asked) == 100
    rows = [row for row in client.get("/v1/quota").get_json()["data"] if row["provider"] == "search:google_cse"]
    assert [(row["window"], row["limit"], row["remaining"]) for row in rows if row["window"] == "rpd"] == [
        ("rpd", 100, 0)
    ]


@pytest.mark.parametrize("status", [401, 403, 422, 500])
def test_a_refusal_never_shows_the_key(gateway, sites, status):
    client = gateway(**KEYED["serpapi"])
    sites.says["serpapi"] = (status, {"error": "bad key key-serpapi"})
    code, told = search(client, backend="serpapi")
    assert code == 502 and "key-serpapi" not in str(told) and str(status) in told["error"]["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": "  "}, "query"),
        ({"query": "x" * 1001}, "query"),
        ({"query": 7}, "query"),
        ({"query": "x", "max_results": 0}, "max_results"),
        ({"query": "x", "max_results": "5"}, "max_results"),
        ({"query": "x", "language": "Spanish"}, "language"),
        ({"query": "x", "backend": "altavista"}, "backend"),
        ({"query": "x", "backend": "brave"}, "backend"),
    ],
)
def test_bad_input_is_refused_by_name_and_nobody_is_asked(gateway, sites, body, param):
    answer = gateway().post("/v1/search/web", json=body)
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, param)
    assert sites.asked == []


def test_the_package_without_a_network_is_a_failure_like_others(tmp_path):
    from wallas.errors import ProviderError
    from wallas.integrations.search import duck
    from wallas.integrations.search.backends import Ask

    with pytest.raises(ProviderError):
        duck.search(Ask("tides", 3, "en", "", ""), timeout=1.0, proxy="http://127.0.0.1:1")


def test_addresses_of_one_page_are_one():
    assert page_of("http://www.example.org/a/?b=1&utm_source=x#top") == page_of("https://example.org/a?b=1")
    assert page_of("https://example.org:8443/a") != page_of("https://example.org/a")


def test_lists_are_merged_in_turn():
    one = [Result("a", "https://a.example/", "", "x"), Result("b", "https://b.example/", "", "x")]
    other = [Result("c", "https://c.example/", "", "y"), Result("a", "https://a.example", "longer", "y")]
    assert [(row.title, row.snippet) for row in merged([one, other], 9)] == [("a", "longer"), ("c", ""), ("b", "")]


@pytest.mark.parametrize("url", [None, "", "javascript:alert(1)", "ftp://a", "https://a\n.example", 7])
def test_what_no_browser_could_open_is_no_result(url):
    assert result("x", title="t", url=url, snippet="s") is None


def test_markup_is_taken_out():
    found = result("x", title="<b>Tides</b> &amp; boats", url="https://a.example", snippet="a <em>b</em>\n c")
    assert found == Result("Tides & boats", "https://a.example", "a b c", "x", None)
