"""Jobs of films in both databases: whose they are, who looks after them, when they are over."""

from wallas.storage.videos import (
    StoredVideo,
    add_video,
    claim_video,
    delete_video,
    due_videos,
    find_video,
    list_videos,
    update_video,
)


def video(id, owner="a", **more):
    facts = {name: None for name in StoredVideo._fields}
    facts |= {"status": "queued", "progress": 0, "asked_model": "m", "request": "{}", "created_at": 1.0}
    facts |= {"expires_at": 100.0, "look_at": 10.0, "provider": "p", "handle": "h" * 5000}
    return StoredVideo(**facts | {"id": id, "owner": owner} | more)


def test_a_job_is_its_owners_alone(engine):
    add_video(engine, video("v1"))
    add_video(engine, video("v2", created_at=2.0))
    assert find_video(engine, "v1", owner="a").handle == "h" * 5000
    assert find_video(engine, "v1", owner="b") is None and delete_video(engine, "v1", owner="b") is None
    assert [row.id for row in list_videos(engine, owner="a")] == ["v2", "v1"]
    assert [row.id for row in list_videos(engine, owner="a", newest_first=False)] == ["v1", "v2"]
    assert delete_video(engine, "v1", owner="a").id == "v1" and find_video(engine, "v1") is None


def test_one_at_a_time_looks_after_a_job(engine):
    add_video(engine, video("v1"))
    assert due_videos(engine, now=9.0) == [] and claim_video(engine, "v1", now=9.0, until=50.0) is None
    assert due_videos(engine, now=11.0) == ["v1"]
    assert claim_video(engine, "v1", now=11.0, until=50.0).look_at == 50.0
    assert claim_video(engine, "v1", now=11.0, until=50.0) is None and due_videos(engine, now=11.0) == []


def test_what_is_over_stays_as_it_is(engine):
    add_video(engine, video("v1"))
    assert update_video(engine, "v1", status="completed", progress=100, file_id="f")
    assert not update_video(engine, "v1", status="failed")
    assert find_video(engine, "v1").status == "completed" and due_videos(engine, now=1e9) == []
    assert claim_video(engine, "v1", now=1e9, until=2e9) is None
