"""`make demo`: the whole product on a stack of its own, put through its promises against a bundled target site.

A line of the table is a function in a module of `scenes/`:

    @line("api_call", "A call that fails twice is retried")
    def flaky_call(play: Play) -> Seen:
        task = play.create(title=…, taskType="api_call", executionConfig={"apiEndpoint": play.target.url("/flaky/2/a")})
        done = play.wait(task, "completed")
        expect(done["errorCount"] == 2, "two errors were counted", done["errorCount"])
        return play.seen(done, "failed twice, then answered")

Every line runs in a thread of its own, beside the others. A module may define `environment(target) -> dict` with
settings the stack needs for its lines, and its own routes with `@route` (agency/local/demo/target.py).
"""
