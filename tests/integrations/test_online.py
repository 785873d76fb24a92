"""A search before the answer: what reaches the model, and how its sources come back, in every client protocol."""

import json

import pytest

from tests.content.web import Web, page
from tests.fakes import FakeProvider, say, status
from tests.integrations.sites import Sites
from wallas.app import create_app
from wallas.routing.online import citations_of, passages, query_of
from wallas.routing.querying import unsure
from wallas.settings import load_settings
from wallas.types.chat import ChatRequest, Message, Text

HTML = b"""<html><head><title>Tides</title><script>evil()</script></head><body><nav>Home About</nav>
<p>Bread is sold on Mondays.</p><p>High water at Cadiz is at 06:12 on this day, says the harbour office.</p>
</body></html>"""
ANSWER = "High water is at 06:12 [1], says the office [2]."
ASKED = "When is high water at Cadiz?"


@pytest.fixture
def world(tmp_path):
    """Yield a client of a gateway, its one provider, the search services and a web server with one page."""
    sites, web = Sites(), Web()
    web.pages["/tides"] = page(HTML, "Content-Type: text/html")
    with FakeProvider(models=["m"]) as provider:
        sites.knows["brave"] = [
            ("Tides at Cadiz", web.url("/tides"), "A snippet."),
            ("Harbour", "http://127.0.0.1:1/gone", "The harbour opens at seven."),
            ("Nets", "http://127.0.0.1:1/nets", "Ropes."),
        ]
        (tmp_path / "wallas.toml").write_text(
            f'[providers.acme]\nwire = "openai"\nbase_url = "{provider.url}/v1"\napi_key = "k"\nfree = true\n'
            'discover = false\n[[providers.acme.models]]\nid = "m"\ncapabilities = ["chat", "tools"]\n'
        )
        variables = {
            "WALLAS_DATABASE_URL": f"sqlite:///{tmp_path / 'w.sqlite'}",
            "WALLAS_KEYLESS": "off",
            "WALLAS_FETCH_HOSTS": f"127.0.0.1:{web.port}",
            "BRAVE_API_KEY": "key",
            "BRAVE_BASE_URL": f"{sites.url}/brave",
        }
        app = create_app(load_settings(variables, directory=tmp_path))
        provider.otherwise = lambda request: (say(ANSWER),)
        yield app.test_client(), provider, sites, web
        app.extensions["wallas"].close()
    sites.close()
    web.close()


def chat(**more):
    return {"model": "acme/m", "messages": [{"role": "user", "content": ASKED}]} | more


def seen(provider):
    """Return what the model was asked in the last turn, as text."""
    content = provider.requests[-1]["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


WISHES = {
    "header": ({}, {"X-Willaku-Web-Search": "true"}),
    "body": ({"wallas": {"web_search": True}}, {}),
    "suffix": ({"model": "acme/m:online"}, {}),
    "plugin": ({"plugins": [{"id": "web", "max_results": 3}]}, {}),
    "web_search_options": ({"web_search_options": {"search_context_size": "low"}}, {}),
}


@pytest.mark.parametrize("wish", WISHES)
def test_pages_reach_the_model_as_quoted_data_before_the_question(world, wish):
    client, provider, sites, _ = world
    body, headers = WISHES[wish]
    answer = client.post("/v1/chat/completions", json=chat(**body), headers=headers)
    assert answer.status_code == 200, answer.get_json()
    assert sites.asked[0][2]["q"] == "When is high water at Cadiz"
    said = seen(provider)
    assert said.endswith(ASKED) and "High water at Cadiz is at 06:12" in said and "evil()" not in said
    assert "[2] Harbour" in said and "The harbour opens at seven." in said
    mark = said.partition("<web-")[2][:16]
    assert said.count(f"<web-{mark}>") == 2 and said.count(f"</web-{mark}>") == 1
    assert "web_search" not in answer.headers.get("X-Wallas-Dropped", "")


def test_nobody_who_does_not_ask_is_searched_for(world):
    client, provider, sites, _ = world
    client.post("/v1/chat/completions", json=chat(), headers={"X-Willaku-Web-Search": "false"})
    client.post("/v1/chat/completions", json=chat())
    assert sites.asked == [] and seen(provider) == ASKED


def test_openai_gets_its_sources_as_annotations(world):
    client, _, _, web = world
    told = client.post("/v1/chat/completions", json=chat(model="acme/m:online")).get_json()
    message = told["choices"][0]["message"]
    cited = [one["url_citation"] for one in message["annotations"]]
    assert [(one["url"], message["content"][one["start_index"] : one["end_index"]]) for one in cited] == [
        (web.url("/tides"), "[1]"),
        ("http://127.0.0.1:1/gone", "[2]"),
    ]


def test_a_stream_tells_its_sources_before_its_end(world):
    client, _, _, web = world
    raw = client.post("/v1/chat/completions", json=chat(model="acme/m:online", stream=True)).get_data(as_text=True)
    chunks = [json.loads(line[6:]) for line in raw.split("\n\n") if line.startswith("data: {")]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == ANSWER
    notes = [note for delta in deltas for note in delta.get("annotations", ())]
    assert [note["url_citation"]["url"] for note in notes] == [web.url("/tides"), "http://127.0.0.1:1/gone"]


def test_the_responses_tool_searches_where_no_other_tool_is_offered(world):
    client, _, sites, web = world
    body = {"model": "acme/m", "input": ASKED, "tools": [{"type": "web_search"}]}
    told = client.post("/v1/responses", json=body).get_json()
    notes = told["output"][-1]["content"][0]["annotations"]
    assert [note["url"] for note in notes] == [web.url("/tides"), "http://127.0.0.1:1/gone"]
    function = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
    client.post("/v1/responses", json=body | {"tools": [*body["tools"], function]})
    assert len(sites.asked) == 1


def test_anthropics_server_tool_is_answered_with_citations(world):
    client, _, _, web = world
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    body = {"model": "acme/m", "max_tokens": 100, "messages": [{"role": "user", "content": ASKED}], "tools": [tool]}
    told = client.post("/v1/messages", json=body).get_json()
    cited = [one for block in told["content"] for one in block.get("citations") or ()]
    assert [one["url"] for one in cited] == [web.url("/tides"), "http://127.0.0.1:1/gone"]


def test_ollama_has_no_place_for_sources_so_the_answer_is_asked_to_name_them(world):
    client, provider, _, _ = world
    body = {"model": "acme/m:online", "messages": [{"role": "user", "content": ASKED}], "stream": False}
    assert client.post("/api/chat", json=body).get_json()["message"]["content"] == ANSWER
    assert "list of the sources" in seen(provider)


def test_gemini_searches_too(world):
    client, provider, sites, _ = world
    body = {"contents": [{"role": "user", "parts": [{"text": ASKED}]}], "tools": [{"googleSearch": {}}]}
    assert client.post("/v1beta/models/acme/m:generateContent", json=body).status_code == 200
    assert len(sites.asked) == 1 and "High water at Cadiz" in seen(provider)


def test_nothing_found_is_told_to_the_model_and_to_the_caller(world):
    client, provider, sites, _ = world
    sites.knows["brave"] = []
    answer = client.post("/v1/chat/completions", json=chat(model="acme/m:online"))
    assert "found nothing" in seen(provider) and "web_search (no results)" in answer.headers["X-Wallas-Dropped"]
    assert not answer.get_json()["choices"][0]["message"].get("annotations")


def test_a_search_that_fails_does_not_cost_the_answer(world):
    client, provider, sites, _ = world
    sites.says["brave"] = (500, {})
    answer = client.post("/v1/chat/completions", json=chat(model="acme/m:online"))
    assert answer.status_code == 200 and "could not be made" in seen(provider)
    assert "web_search (nobody could search)" in answer.headers["X-Wallas-Dropped"]


def asked(*turns):
    return ChatRequest(model="m", messages=tuple(Message(role=role, parts=(Text(text=text),)) for role, text in turns))


@pytest.mark.parametrize(
    ("turns", "query"),
    [
        ([("user", "Please tell me: when is high water at Cadiz?")], "when is high water at Cadiz"),
        ([("user", "Busca en internet mareas de hoy")], "mareas de hoy"),
        ([("user", "Tides at Cadiz"), ("assistant", "..."), ("user", "And tomorrow?")], "Tides at Cadiz And tomorrow"),
        ([("user", "Why does this fail?\n```\nlong code\n```")], "Why does this fail"),
        ([("user", "q"), ("assistant", "a")], ""),
        ([("user", "x" * 900)], "x" * 300),
    ],
)
def test_the_query_is_the_question(turns, query):
    assert query_of(asked(*turns)) == query


FOLLOWING = [
    {"role": "user", "content": "When is high water at Cadiz?"},
    {"role": "assistant", "content": "At 06:12."},
    {"role": "user", "content": "And what is it like there in winter, with storms?"},
]


def test_a_question_that_leans_on_what_was_said_is_put_into_words_by_a_quick_model(world):
    client, provider, sites, _ = world
    provider.will(say('"high water Cadiz winter storms"'))
    provider.will(say(ANSWER))
    answer = client.post("/v1/chat/completions", json=chat(model="acme/m:online", messages=FOLLOWING))
    assert answer.status_code == 200
    assert sites.asked[0][2]["q"] == "high water Cadiz winter storms" and len(provider.requests) == 2
    asked = provider.requests[0]["messages"][-1]["content"]
    assert "user: When is high water at Cadiz?" in asked and "assistant: At 06:12." in asked
    assert "Web search results for 'high water Cadiz winter storms'" in seen(provider)


@pytest.mark.parametrize("reply", [(status(500),), (say("Sure!\nHere is a query:\n- water"),), (say("x" * 400),)])
def test_without_a_good_query_of_a_model_the_rules_stand(world, reply):
    client, provider, sites, _ = world
    provider.will(*reply)
    provider.otherwise = lambda request: (say(ANSWER),)
    client.post("/v1/chat/completions", json=chat(model="acme/m:online", messages=FOLLOWING))
    assert sites.asked[0][2]["q"] == "And what is it like there in winter, with storms"


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["When is high water at Cadiz?"], False),
        (["When is it?"], False),
        (["Tides at Cadiz", "And tomorrow?"], True),
        (["Mareas en Cádiz", "¿Y cómo es allí el tiempo en invierno?"], True),
        (["Tides at Cadiz", "Opening hours of the maritime museum of Sanlucar"], False),
        ([" ".join(["word"] * 60)], True),
    ],
)
def test_rules_know_when_they_are_not_sure(turns, expected):
    assert unsure(turns, turns[-1]) is expected


def test_of_a_page_what_has_to_do_with_the_query_is_kept():
    text = "Bread and butter.\n\nHigh water at Cadiz is at six.\n\nMore bread.\n\nThe water is cold."
    assert passages(text, "high water cadiz") == "High water at Cadiz is at six.\n\nThe water is cold."


def test_only_numbers_of_pages_are_citations():
    assert citations_of("[0] [1] [9] [x]", []) == ()


@pytest.mark.parametrize("plugin", [{"id": "web", "max_results": 0}, {"id": "web", "max_results": "3"}])
def test_a_bad_plugin_is_named(world, plugin):
    client, provider, sites, _ = world
    answer = client.post("/v1/chat/completions", json=chat(plugins=[plugin]))
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, "plugins")
    assert provider.requests == [] and sites.asked == []
