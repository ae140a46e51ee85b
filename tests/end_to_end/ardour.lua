-- Ardour as a DAW without a screen: it sends its clock, at 120 and then 132 bpm, and records a track when a test says go.
AudioEngine:set_backend("JACK", "", "")
local session = create_session(os.getenv("ARDOUR_SESSION"), "take", 48000)
ARDOUR.config():set_send_midi_clock(true)
local midi = ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1)
local tracks = session:new_midi_track(midi, midi, true, ARDOUR.PluginInfo(), nil, nil, 1, "AI",
    ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true, false)
local track
for each in tracks:iter() do track = each:to_track() end
track:rec_enable_control():set_value(1, PBD.GroupControlDisposition.NoGroup)
session:maybe_enable_record(false)
print("READY")
io.stdout:flush()
os.execute("until [ -e '" .. os.getenv("ARDOUR_GO") .. "' ]; do sleep 0.05; done")
session:request_roll(ARDOUR.TransportRequestSource.TRS_UI)
sleep(tonumber(os.getenv("ARDOUR_EVEN")))
-- As who changes it while it plays. A second tempo of its map would do nothing: the clock of Ardour 7.3 has the first.
local map = Temporal.TempoMap.write_copy()
map:set_tempo(Temporal.Tempo(132, 132, 4), Temporal.timepos_t(0))
Temporal.TempoMap.update(map)
map = nil
print("TURNS")
io.stdout:flush()
sleep(tonumber(os.getenv("ARDOUR_TURNED")))
session:request_stop(false, false, ARDOUR.TransportRequestSource.TRS_UI)
print("STOPPED")
io.stdout:flush()
sleep(2)
session:save_state("")
sleep(1)
close_session()
