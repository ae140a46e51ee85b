-- Ardour as a DAW without a screen that follows a MIDI clock: it tells where it is until its test makes a file.
AudioEngine:set_backend("JACK", "", "")
local session = create_session(os.getenv("ARDOUR_SESSION"), "follows", 48000)
-- A second tempo, an hour on: in a session with a single one Ardour 7.3 answers another tempo with a ramp down to 4 bpm.
local map = Temporal.TempoMap.write_copy()
map:set_tempo(Temporal.Tempo(120, 120, 4), Temporal.timepos_t(3600 * 48000))
Temporal.TempoMap.update(map)
map = nil
session:cfg():set_external_sync(true)
print("READY")
io.stdout:flush()
local over
while not over do
    print(ARDOUR.LuaAPI.monotonic_time(), session:transport_rolling() and 1 or 0, session:transport_sample())
    io.stdout:flush()
    ARDOUR.LuaAPI.usleep(10000)
    over = io.open(os.getenv("ARDOUR_OVER"))
end
close_session()
