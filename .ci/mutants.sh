# Mutation testing of the single-threaded logic. Sourced by .ci/run.
#
# What survives is compared with docs/mutants.md: a survivor that is not argued there fails the step, and so does an
# argument for a mutant that does not survive. Long: hours on two processors.
#
#   RINGLOG_MUTANTS_SHARD=3/40 .ci/run logic-mutants      every fortieth mutant, from the third on; checks only one way

mutants_out=$target/mutants

# `mutants_of PACKAGE SECONDS FILES FILTER...`: the unit tests, and of the integration tests what the filters let through.
mutants_of() {
    local package=$1 seconds=$2 files=$3 status=0 tests=$1
    # Its integration tests are a package.
    [[ $package != ringlog-std ]] || tests=ringlog-std,ringlog-tests
    shift 3
    rm -rf "${mutants_out:?}/$package"
    mkdir -p "$mutants_out/$package"
    # Not in place: cargo-mutants works on a copy.
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_INCREMENTAL=1 \
        run cargo mutants -p "$package" --test-package "$tests" -j1 --timeout "$seconds" --colors never --no-shuffle \
        -o "$mutants_out/$package" -f "$files" ${RINGLOG_MUTANTS_SHARD:+--shard "$RINGLOG_MUTANTS_SHARD" --sharding round-robin} \
        --cargo-arg=--lib --cargo-arg=--test=integration -- -- "$@" || status=$?
    # 2 and 3: some survived, some ran into the limit. Which ones is looked at below.
    ((status == 0 || status == 2 || status == 3)) || return "$status"
}

about_logic_mutants="cargo-mutants on the core and on the recovery code; what survives has to be argued in docs/mutants.md"
step_logic_mutants() {
    need python3 python3
    if ! command -v cargo-mutants >/dev/null && ! run cargo install --locked cargo-mutants@27.1.0; then
        skip logic-mutants "cargo-mutants is not installed here and cannot be"
        return
    fi
    # Not among them: `ring/model.rs` is built for the models only, and of `sync.rs` nothing can be seen outside of them.
    mutants_of ringlog-nostd 20 \
        'ringlog-nostd/src/{clock,error,park_flag,format/*,handle/*,protocol/*,sink/*,ring/flight_recorder,ring/memory,ring/once,ring/ring,ring/static_ring}.rs' \
        --skip properties:: --skip threads:: --skip torture::
    RINGLOG_IMAGES=2000 mutants_of ringlog-std 120 \
        'ringlog-std/src/{os/files,storage/log/dropped,storage/folder/*,storage/log/opening,storage/log/roll/*,storage/recovery/*,storage/maintenance/*,storage/maintenance/spare/*,storage/segment/spare}.rs' \
        storage:: storage_log:: recorder::
    run python3 .ci/mutants.py docs/mutants.md ${RINGLOG_MUTANTS_SHARD:+--sample} \
        "$mutants_out"/ringlog-{nostd,std}/mutants.out
}
