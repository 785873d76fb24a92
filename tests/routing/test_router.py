import msgspec
import pytest

from tests.routing.scenes import TALE, WEATHER, text, whole
from tests.routing.scripted import ask
from tests.routing.stations import ABLE, Station, model, router
from wallas import codecs
from wallas.catalog.entries import Limits, Price
from wallas.catalog.snapshot import Catalog
from wallas.codecs.plain import PlainEncoder
from wallas.errors import BadRequest, FailureKind, NotFound, ProviderError
from wallas.health import Place
from wallas.routing.choice import KIN
from wallas.routing.enrich import Memory
from wallas.routing.options import Options
from wallas.types.chat import Media, Message, Reasoning, Seal, Text

MODELS = [
    model("groq", "llama-3", quality=60),
    model("groq", "openai/gpt-oss-120b", quality=70),
    model("cerebras", "gpt-oss-120b", quality=70),
    model("cerebras", "tiny", quality=20),
    model("openai", "gpt-4o", free=False, quality=90, price=Price(input=2.0, output=8.0)),
    model("openai", "o9", free=False, quality=99, capabilities=ABLE | {"reasoning", "vision"}),
    model("gemini", "seer", quality=65, capabilities=ABLE | {"vision"}, trains_on_data=True),
]


@pytest.fixture
def stations():
    return [Station("groq"), Station("cerebras"), Station("openai"), Station("gemini", wire="gemini")]


@pytest.fixture
def here(tmp_path, stations):
    return router(tmp_path, MODELS, *stations)


def planned(at, request, *, wire="openai_chat", **options):
    codec = codecs.codec(wire)
    out = codec.Encoder(request) if request.stream else PlainEncoder(codec.encode_response, codec.encode_error)
    return at.plan(request, Options(**options), codec=codec, out=out, request_id="r1")


def chosen(plan):
    return [one.model.key for one in plan.candidates]


def test_a_virtual_model_ranks_all_that_cost_nothing(here):
    plan = planned(here, ask(model="auto"))
    assert set(chosen(plan)) == {model.key for model in MODELS if model.free}
    assert (plan.profile, plan.hold, plan.total, plan.asked) == ("auto", "part", 600, "auto")
    assert {row.reason for row in plan.unfit()} == {"costs money"}


def test_the_plan_names_the_answer_as_its_wire_does(here):
    ids = [
        planned(here, ask(model="auto"), wire=wire).answer_id
        for wire in ("openai_chat", "openai_responses", "anthropic")
    ]
    assert [id[:5] for id in ids] == ["chatc", "resp_", "msg_" + ids[2][4]]
    assert planned(here, ask(model="auto"), wire="ollama").answer_id.isalnum()


def test_an_agents_profile_holds_the_turn_unless_told_otherwise(here):
    request = ask(model="agentico", tools=(WEATHER,))
    assert planned(here, request).hold == "turn" and planned(here, request).keep_seals
    assert planned(here, request, hold="part").hold == "part"


def test_a_bare_id_means_that_model_everywhere_and_then_its_kin(here):
    names = chosen(planned(here, ask(model="gpt-oss-120b")))
    assert names[:2] == ["cerebras/gpt-oss-120b", "groq/openai/gpt-oss-120b"]
    assert names[2] == "gemini/seer" and len(names) == 5 <= 2 + KIN


def test_a_providers_model_means_that_one_only(here):
    assert chosen(planned(here, ask(model="groq/llama-3"))) == ["groq/llama-3"]


def test_what_costs_money_answers_only_when_it_is_named_or_allowed(here, tmp_path, stations):
    assert chosen(planned(here, ask(model="gpt-4o")))[0] == "openai/gpt-4o"
    assert chosen(planned(here, ask(model="openai/gpt-4o"))) == ["openai/gpt-4o"]
    for options in ({"cost_mode": "free_only"},):
        assert chosen(planned(here, ask(model="openai/gpt-4o"), **options)) == []
    assert chosen(planned(here, ask(model="openai/gpt-4o:free"))) == []
    assert "openai/gpt-4o" in chosen(planned(here, ask(model="auto"), cost_mode="allow_paid"))
    paying = router(tmp_path, MODELS, *stations, environ={"WALLAS_ALLOW_PAID": "true"})
    assert "openai/gpt-4o" in chosen(planned(paying, ask(model="auto")))
    assert "openai/gpt-4o" not in chosen(planned(paying, ask(model="auto"), cost_mode="free_only"))


def test_a_pattern_in_a_profile_pays_for_nothing_and_a_name_does(tmp_path, stations):
    (tmp_path / "wallas.toml").write_text(
        '[profiles.all]\nmodels = ["*"]\n[profiles.mine]\nmodels = ["openai/gpt-4o", "groq/*"]\n'
        '[profiles.quick]\nmodels = ["groq/*", "cerebras/*"]\nstrategy = "rapido"\n'
    )
    at = router(tmp_path, MODELS, *stations)
    assert not any(name.startswith("openai/") for name in chosen(planned(at, ask(model="all"))) if "oss" not in name)
    assert chosen(planned(at, ask(model="mine"))) == ["openai/gpt-4o", "groq/llama-3", "groq/openai/gpt-oss-120b"]
    assert "cerebras/tiny" not in chosen(planned(at, ask(model="quick")))
    assert planned(at, ask(model="mine")).profile == "mine"


def test_a_profile_with_an_unknown_strategy_says_so(tmp_path, stations):
    (tmp_path / "wallas.toml").write_text('[profiles.mine]\nmodels = ["*"]\nstrategy = "best"\n')
    with pytest.raises(BadRequest, match="best"):
        planned(router(tmp_path, MODELS, *stations), ask(model="mine"))


def test_header_comes_before_body(here):
    assert planned(here, ask(model="auto"), tier="fast").profile == "rapido"
    assert chosen(planned(here, ask(model="auto"), model="groq/llama-3")) == ["groq/llama-3"]
    with pytest.raises(NotFound, match="no virtual model; near: rapido"):
        planned(here, ask(model="auto"), tier="rapidoo")
    with pytest.raises(BadRequest, match="no virtual one"):
        planned(here, ask(model="auto"), tier="groq/llama-3")


def test_a_list_of_models_is_tried_in_its_order_without_their_kin(here):
    names = chosen(planned(here, ask(model="llama-3"), models=("cerebras/tiny", "gpt-oss-120b", "llama-3")))
    assert names == ["groq/llama-3", "cerebras/tiny", "cerebras/gpt-oss-120b", "groq/openai/gpt-oss-120b"]
    assert chosen(planned(here, ask(model=""), models=("groq/llama-3",))) == ["groq/llama-3"]


def test_a_request_without_any_model_is_refused(here):
    with pytest.raises(BadRequest) as caught:
        planned(here, ask(model=""))
    assert caught.value.code == "missing_required_parameter"


def test_providers_may_be_named_ordered_and_left_out(here):
    assert {name.split("/")[0] for name in chosen(planned(here, ask(model="auto"), provider="groq"))} == {"groq"}
    assert "groq" not in str(chosen(planned(here, ask(model="auto"), ignore=frozenset({"groq"}))))
    assert chosen(planned(here, ask(model="auto"), order=("gemini",)))[0] == "gemini/seer"
    only = planned(here, ask(model="auto"), only=frozenset({"cerebras"}))
    assert {name.split("/")[0] for name in chosen(only)} == {"cerebras"}
    with pytest.raises(NotFound, match="not configured"):
        planned(here, ask(model="auto"), provider="nobody")


def test_privacy_is_asked_for_by_option_or_suffix(here):
    for plan in (planned(here, ask(model="auto"), private=True), planned(here, ask(model="auto:private"))):
        assert chosen(plan) == [] and "may train on prompts" in {row.reason for row in plan.excluded}


def test_suffixes_choose_by_speed_and_by_price(here):
    assert chosen(planned(here, ask(model="gpt-oss-120b:nitro")))[0] == "cerebras/gpt-oss-120b"
    assert chosen(planned(here, ask(model="gpt-oss-120b:floor")))[:1] == ["cerebras/gpt-oss-120b"]


def test_only_able_models_are_asked_and_the_others_named(here):
    image = Message(role="user", parts=(Media(kind="image", data="aaaa"),))
    plan = planned(here, ask(model="auto", messages=(image,)))
    assert chosen(plan) == ["gemini/seer"]
    nobody = planned(here, ask(model="vista", messages=(image,)), only=frozenset({"groq"}))
    assert chosen(nobody) == []
    assert {row.reason for row in nobody.excluded} == {"provider not allowed by the request", "cannot take: vision"}


def test_seals_bring_the_conversation_home(here):
    signed = Message(role="assistant", parts=(Reasoning(text="a", seal=Seal(issuer="cerebras/tiny@acc", value="v")),))
    assert chosen(planned(here, ask(model="auto", messages=(signed,))))[0] == "cerebras/tiny"


def test_several_answers_come_first_from_who_gives_them_at_once_and_from_whom_was_named(tmp_path):
    stations = [Station("groq"), Station("ollama", wire="ollama"), Station("mistral", drops=frozenset({"n"}))]
    models = [model(name, "m") for name in ("groq", "ollama", "mistral")]
    at = router(tmp_path, models, *stations)
    assert chosen(planned(at, ask(model="auto", n=2)))[0] == "groq/m"
    assert chosen(planned(at, ask(model="ollama/m", n=2))) == ["ollama/m"]


def test_an_unknown_model_is_404_after_one_look(tmp_path, stations):
    looked = []
    at = router(tmp_path, MODELS, *stations, discover=lambda name: looked.append(name) or False)
    with pytest.raises(NotFound):
        planned(at, ask(model="groq/new-model"))
    assert looked == ["groq/new-model"]


def test_a_model_that_a_look_has_found_is_used(tmp_path, stations):
    at = router(tmp_path, MODELS, *stations)

    def look(name):
        at.reload(Catalog([*MODELS, model("groq", "new-model")]))
        return True

    at.discover = look
    assert chosen(planned(at, ask(model="groq/new-model"))) == ["groq/new-model"]


def test_a_days_zone_is_known_from_the_catalog(tmp_path):
    limited = model("gemini", "m", limits=Limits(rpd=20, reset="America/Los_Angeles"))
    at = router(tmp_path, [limited], Station("gemini"))
    assert at.desk.health.zones == {"gemini": "America/Los_Angeles"}


def test_windows_that_were_learned_outlive_a_new_catalog(here):
    here.desk.windows["groq", "llama-3"] = 5
    here.reload(Catalog(MODELS))
    assert chosen(planned(here, ask(model="groq/llama-3"))) == []


def test_a_plain_encoder_asks_plain_and_a_streaming_one_streams(here):
    codec = codecs.codec("openai_chat")
    plain = PlainEncoder(codec.encode_response, codec.encode_error)
    at = {"codec": codec, "request_id": "r"}
    assert not here.plan(ask(model="auto"), Options(), out=plain, **at).request.stream
    assert here.plan(ask(model="auto", stream=False), Options(), out=codec.Encoder(None), **at).request.stream


def test_each_answer_has_a_name_of_its_own_whatever_the_client_calls_its_requests(here):
    codec = codecs.codec("openai_chat")
    named, nameless = (
        [here.plan(ask(model="auto"), Options(), codec=codec, out=codec.Encoder(None), request_id=id) for _ in "ab"]
        for id in ("mine", "")
    )
    assert [plan.id for plan in named] == ["mine", "mine"]
    answers = {plan.answer_id for plan in (*named, *nameless)}
    assert len(answers) == 4 and not any("mine" in id for id in answers)
    assert nameless[0].id and nameless[0].id != nameless[1].id


def test_a_request_is_enriched_planned_and_answered(tmp_path):
    station = Station("groq", whole(text(), wire="openai_chat"))
    earlier = (Message(role="user", parts=(Text(text="Before"),)),)
    at = router(tmp_path, MODELS[:1], station, memory=Memory(conversation=lambda id: earlier, seals=lambda bare: {}))
    codec = codecs.codec("openai_chat")
    request = ask(model="groq/llama-3", stream=False, previous_id="resp_1")
    out = PlainEncoder(codec.encode_response, codec.encode_error)
    stream = at.chat(request, Options(timeout=5.0, store=True), codec=codec, out=out, request_id="r1")
    data = b"".join(stream.bind(lambda status, headers: None, None))
    assert msgspec.json.decode(data)["choices"][0]["message"]["content"] == TALE
    assert station.requests[0].messages[0] == earlier[0] and station.requests[0].model == "llama-3"
    ((kept, response),) = at.desk.journal.responses
    assert response.message.parts[0].text == TALE and kept.previous_id == "resp_1"


def test_whoever_rests_is_left_out_of_the_plan(here):
    here.desk.health.failed(Place("groq", "llama-3", "k0"), ProviderError(FailureKind.RATE_LIMIT))
    plan = planned(here, ask(model="groq/llama-3"))
    assert chosen(plan) == [] and plan.excluded[0].reason == "resting: rate_limit"


def test_a_model_that_was_named_is_asked_even_where_a_suffixs_ranking_would_leave_it_out(here):
    assert chosen(planned(here, ask(model="tiny:nitro")))[0] == "cerebras/tiny"
    assert chosen(planned(here, ask(model="cerebras/tiny:nitro"))) == ["cerebras/tiny"]


def test_the_callers_order_reaches_beyond_the_best_few(tmp_path):
    models = [model("groq", f"m{number}", quality=90) for number in range(30)] + [model("mistral", "last", quality=1)]
    at = router(tmp_path, models, Station("groq"), Station("mistral"))
    assert chosen(planned(at, ask(model="standard"), order=("mistral",)))[0] == "mistral/last"
