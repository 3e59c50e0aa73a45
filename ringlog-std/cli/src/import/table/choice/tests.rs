use crate::import::table::choice::*;
use crate::import::table::options::TimeUnit;

fn find(table: &str, options: &TableOptions) -> Result<Choice, String> {
    Choice::find(&Start { text: table.as_bytes(), is_all: true, lines_before: 0 }, options)
}

/// Returns the columns of the time and its unit, as found from the table.
fn found(table: &str) -> Result<(Option<usize>, usize, String), String> {
    let choice = find(table, &TableOptions::default())?;
    Ok((choice.place.date, choice.place.time, choice.format.to_string()))
}

#[track_caller]
fn is(table: &str, time: usize, unit: &str) {
    assert_eq!(found(table), Ok((None, time, unit.into())), "{table}");
}

#[track_caller]
fn refused(table: &str, option: &str) {
    let problem = found(table).expect_err(table);
    assert!(problem.contains(option), "{table}: {problem}");
}

const MILLIS: &str = "milliseconds since 1970";
const SECONDS: &str = "seconds since 1970";
const DATES: &str = "YYYY-MM-DD HH:MM:SS";

#[test]
fn names_and_values_choose_together() {
    is("DateTime,Price,Volume\n2013-09-01 17:00:00.083,1640.25,8\n", 0, DATES);
    is("price\tts\n5\t1378054800\n", 1, SECONDS);
    is("lifetime,ts,price\n1000000000,1682899200101,5\n", 1, MILLIS);
    is("settlement_date,timestamp\n2013-10-01,1378054800083\n2013-10-01,1378054800090\n", 1, MILLIS);
    is(
        "expiry_date,timestamp\n2013-10-01 08:00:00,1378054800083\n2013-10-01 08:00:00,1378054800090\n",
        1,
        MILLIS,
    );
    is(
        "id,volume,trade_time\n1715206948,1500000000,1378054800083\n1715206949,2000000000,1378054800090\n",
        2,
        MILLIS,
    );
    // The same moment twice: the finer one is taken.
    is("unix,date\n1378054800083,2013-09-01 17:00:00\n1378054801090,2013-09-01 17:00:01\n", 0, MILLIS);
    is("# time,price\n1378054800083,5\n", 0, MILLIS);
}

#[test]
fn without_names_only_a_sure_column_is_chosen() {
    is("503123456,29223.01,2023-05-01T00:00:00.101Z,buy\n", 2, DATES);
    is("1378054800083;b;1640.25\n1378054800090;b;1639.5\n1378054800099;b;1641.5\n", 0, MILLIS);
    is("1378054800,a\n1378054801,b\n", 0, SECONDS);
    for table in [
        // Ids beside times, only ids, a counter, an unknown kind of time.
        "1715206948,29223.0,1682899200101\n1715206949,29223.2,1682899200129\n",
        "1715206948,3643221425,5\n1715206952,3643221428,6\n",
        "1715206948,5\n1715206949,5\n1715206950,5\n",
        "34200.004,1682899200101\n34200.025,1682899200129\n",
        "01-Sep-2013 17:00:00,1682899200101\n01-Sep-2013 17:00:01,1682899200129\n",
        "2023-06-30 08:00:00,1682899200101\n2023-06-30 08:00:00,1682899200129\n",
        "2023-05-01 00:00:00,2023-05-01 00:00:01\n2023-05-01 00:00:01,2023-05-01 00:00:03\n",
    ] {
        refused(table, "--time-column");
    }
}

#[test]
fn names_may_have_digits() {
    const US: &str = "MM/DD/YYYY HH:MM:SS";
    let logger = "\"#\",\"Date Time, UTC\",\"Temp (LGR S/N: 20010001, SEN S/N: 1)\"\n";
    is(&format!("{logger}1,04/27/2023 09:30:00,21.5\n2,04/27/2023 09:31:00,21.5\n"), 1, US);
    let counter = r"\\HOST\Processor(_Total)\% Processor Time";
    let header = format!("\"(PDH-CSV 4.0) (Coordinated Universal Time)(0)\",\"{counter}\"\n");
    is(&format!("{header}\"05/15/2023 09:30:00.123\",\" \"\n\"05/15/2023 09:30:01.123\",\"12\"\n"), 0, US);
    is("2m_temperature,timestamp\n5.1,1378054800\n5.2,1378054801\n", 1, SECONDS);
    is("timestamp,price_2023,close 2023-05-01\n1378054800,5,1\n1378054801,6,1\n", 0, SECONDS);
    is("time,2023,2024\n1378054800,5,1\n", 0, SECONDS);
    // Only one row, or none.
    is("Time (UTC+00:00),Temp 1-2\n2023-05-15 09:30:00,5\n", 0, DATES);
    assert!(find("Time (UTC+00:00),Temp 1-2\n", &TableOptions::default()).unwrap().has_header);
    // This may be a row with a damaged time.
    refused("event time,1\n2023-05-15 09:30:00,5\n2023-05-15 09:30:01,6\n", "--header");
}

#[test]
fn names_of_other_columns_are_refused() {
    // Both large numbers may be times; the place of the name points to the wrong one.
    for (names, time) in [("n (a, b),time,order", 2), ("n,time", 3)] {
        let table = format!(
            "{names}\n5,{}\n",
            if time == 2 { "1378054800083,1591906809028119" } else { "1591906809028119,1378054800083" }
        );
        refused(&table, "--time-column");
        let options = |column| TableOptions { time_column: Some(column), ..TableOptions::default() };
        assert!(find(&table, &options(Column::Name("time".into()))).is_err());
        let choice = find(&table, &options(Column::Number(time))).unwrap();
        assert_eq!(choice.first_time, Some(1_378_054_800_083_000_000));
    }
    is("event,time,px,\nx,1378054800083,5\n", 1, MILLIS);
    // Cells after the last name change nothing, if they are empty or only in some rows.
    is("n,time,note\na,1378054800083,b\na,1378054800083,b, c\na,1378054800083,b, c\n", 1, MILLIS);
    is("n,time\na,1378054800083,\na,1378054800083,\n", 1, MILLIS);
}

#[test]
fn rows_of_different_widths_need_names_or_a_column() {
    let row = "2026-04-15,2026-04-15,5,2026-03-05,14:34:26.885";
    let table = format!("{row}\n7,{row}\n");
    refused(&table, "--time-column");
    assert!(
        find(&format!("{row}\n{row}\n{row}\n7,{row}\n").replace("2026-04-15", "x"), &TableOptions::default())
            .is_ok()
    );
}

#[test]
fn a_first_row_of_values_names_nothing() {
    let format = TableOptions {
        time_column: Some(Column::Number(1)),
        time_format: Some("%d-%b-%Y %H:%M:%S%.f".into()),
        ..TableOptions::default()
    };
    for first in ["01-Sep-2013 17:00:00", "1-Sep-2013 17:00:00.5"] {
        for rest in ["x", "5", "5,2013-09-01"] {
            let table =
                format!("{first},{rest}\n01-Sep-2013 17:00:01,{rest}\n2-Sep-2013 17:00:02.5,{rest}\n");
            assert!(!find(&table, &format).unwrap().has_header, "{table}");
        }
    }
    // A damaged first row is data; reading it reports the damage.
    for first in ["2023-05-15 09:3x:00", "15 May", "2023-05-15 (UTC+2)"] {
        let table = format!("{first},5\n2023-05-15 09:30:00,5\n2023-05-15 09:30:01,6\n");
        assert!(!find(&table, &TableOptions::default()).unwrap().has_header, "{table}");
    }
}

#[test]
fn what_may_be_meant_in_several_ways_is_refused() {
    refused(
        "open_time,close_time\n1378054800083,1378054800999\n1378054801000,1378054801999\n",
        "--time-column",
    );
    refused("time,price\n05/06/2013 17:00:00,5\n", "--time-format");
    refused("time,price\n2013090117,5\n", "--time-unit s");
    refused("n,time\n1,1735689600000123\n2,1735689599999\n", "--time-unit us or --time-unit ms");
    refused("time,id\n34200.004,1715206948\n34200.025,1715206949\n", "--time-format");
    refused("time,id\n41518.7083,1715206948\n", "--time-unit");
    let table = "1378054800,083;1640,25;8\n1378054800,090;1640,25;2\n";
    refused(table, "--time-column");
    let first = TableOptions { time_column: Some(Column::Number(1)), ..TableOptions::default() };
    assert!(find(table, &first).unwrap_err().contains("--delimiter"));
    refused("2013-09-01 17:00:00,083\n2013-09-01 17:00:00,090\n", "--delimiter");
    refused("n/a,buy\n2013-09-01T17:00:00Z,sell\n", "--header");
    refused("id,price\n1715206948,5\n1715206949,6\n", "--time-column");
    refused("a,b\n1,2\n", "--time-column");
    assert!(found("").is_err());
}

#[test]
fn orders_of_day_and_month_that_the_rows_show() {
    is("time,price\n05/06/2013 17:00:00,5\n05/13/2013 17:00:00,5\n", 0, "MM/DD/YYYY HH:MM:SS");
    is("time,price\n13/06/2013 5:00 PM,5\n", 0, "DD/MM/YYYY HH:MM AM/PM");
    is("Gmt time,price\n01.09.2013 17:00:00.083,5\n", 0, "DD.MM.YYYY HH:MM:SS");
    is("time,price\n201309011700,5\n", 0, "YYYYMMDD HHMMSS in digits");
}

#[test]
fn date_and_time_are_one_moment() {
    let pair = |table: &str| found(table).map(|(date, time, _)| (date, time));
    assert_eq!(pair("Date,Time,Price\n2013-09-01,17:00:00.083,5\n"), Ok((Some(0), 1)));
    assert_eq!(pair("2013.09.01,17:00,1.25\n2013.09.01,17:01,1.5\n"), Ok((Some(0), 1)));
    assert_eq!(pair("Price,<TIME>,<DATE>\n5,170000,20130901\n5,170001,20130901\n"), Ok((Some(2), 1)));
    refused("date,ms\n2013-09-01,61200083\n2013-09-01,61200090\n", "--date-column");
    refused("date,open,close\n2013-09-01,09:00,17:00\n2013-09-02,09:00,17:00\n", "--time-column");
    refused("20130901,170000\n20130902,170100\n", "--date-column");
    // Dates without a time of day.
    is("date,close\n2013-09-01,5\n2013-09-02,6\n", 0, "YYYY-MM-DD");
    let options = TableOptions { date_column: Some(Column::Name("day".into())), ..TableOptions::default() };
    let choice = find("day,at,until\n2013-09-01,17:00:00,18:00:00\n", &options);
    assert!(choice.unwrap_err().contains("--time-column"));
    let options = TableOptions { time_column: Some(Column::Name("at".into())), ..options };
    let choice = find("day,at,until\n2013-09-01,17:00:00,18:00:00\n", &options).unwrap();
    assert_eq!((choice.place.date, choice.first_time), (Some(0), Some(1_378_054_800_000_000_000)));
}

#[test]
fn options_are_never_overruled() {
    let number =
        |number| TableOptions { time_column: Some(Column::Number(number)), ..TableOptions::default() };
    let lobster = "34200.004241176,1,16113575\n34200.025552000,3,16120456\n";
    let options = TableOptions { time_unit: Some(TimeUnit::S), ..number(1) };
    let choice = find(lobster, &options).unwrap();
    assert_eq!(
        (choice.has_header, choice.place.time, choice.first_time),
        (false, 0, Some(34_200_004_241_176))
    );
    assert!(find(lobster, &number(4)).unwrap_err().contains("no column 4"));
    assert!(find(lobster, &number(1)).unwrap_err().contains("--time-unit"));
    // The options decide against the better name, against times, and against a header that looks like data.
    let choice = find("time,2\n1378054800083,1378054801\n", &number(2)).unwrap();
    assert_eq!((choice.place.time, choice.format.to_string()), (1, SECONDS.into()));
    let choice = find("Date,Time\n2013-09-01,17:00:00\n", &number(1)).unwrap();
    assert_eq!((choice.place.date, choice.place.time), (None, 0));
    let header = |header| TableOptions { header: Some(header), ..number(1) };
    assert!(find("1378054800,a\n1378054801,b\n", &header(Header::Yes)).unwrap().has_header);
    assert!(!find("time,a\n1378054801,b\n1378054802,c\n", &header(Header::No)).unwrap().has_header);
    let options = TableOptions { delimiter: Some(b':'), ..TableOptions::default() };
    assert_eq!(find("time:a,b;c\n1378054801:b,c;d\n", &options).unwrap().layout.delimiter, b':');
}

#[test]
fn heads_are_passed() {
    let options = TableOptions { skip_rows: 2, ..TableOptions::default() };
    let choice = find("made by, x\n\"\nsep=|\ntime|price\n1378054800|5\n", &options).unwrap();
    assert_eq!((choice.lines_to_pass, choice.layout.delimiter, choice.has_header), (3, b'|', true));
    let choice = find("time,price\n", &TableOptions::default()).unwrap();
    assert_eq!((choice.has_header, choice.first_time), (true, None));
}

#[test]
fn a_line_may_name_the_delimiter() {
    for line in ["sep=X", "SEP=X", "\"sep=X\"", "\"Sep=X\" ", "sep=X ", "sep=X\r"] {
        for delimiter in [";", "|", ":", "\t", " "] {
            let line = line.replace('X', delimiter);
            let rows = format!("a,b{delimiter}time\n1,5{delimiter}1378054800\n");
            let choice = find(&format!("{line}\n{rows}"), &TableOptions::default()).unwrap();
            let found = (choice.lines_to_pass, choice.layout.delimiter, choice.place.time);
            assert_eq!(found, (1, delimiter.as_bytes()[0], 1), "{line:?}");
        }
    }
    refused("sep=\ntime|price\n1378054800|5\n", "--skip-rows 1");
}

#[test]
fn an_address_above_the_names_is_left_out_and_named() {
    let rows = "unix,date,open\n1684108800000,2023-05-15 00:00:00,5\n1684105200000,2023-05-14 23:00:00,5\n";
    let address = "https://www.CryptoDataDownload.com";
    for line in [
        address.to_owned(),
        format!("\"{address}\""),
        format!("{address}\r"),
        format!("{address},,"),
        "www.example.org".into(),
        "HTTP://EXAMPLE.ORG/data?symbol=btc".into(),
    ] {
        let choice = find(&format!("{line}\n{rows}"), &TableOptions::default()).unwrap();
        assert_eq!((choice.lines_to_pass, choice.place.time, choice.has_header), (1, 0, true), "{line}");
        assert!(choice.words().contains("left out: line 1 \""), "{}", choice.words());
    }
    let semicolons = rows.replace(',', ";");
    for head in [format!("{address}\nsep=;\n"), format!("\"sep=;\"\n{address}\n")] {
        let choice = find(&format!("{head}{semicolons}"), &TableOptions::default()).unwrap();
        assert_eq!((choice.lines_to_pass, choice.layout.delimiter), (2, b';'));
        let words = choice.words();
        assert!(words.contains("\"sep=;\" (names the delimiter)"), "{words}");
        assert!(words.contains("(an address)") && words.contains("line 2 "), "{words}");
    }
    let skip = TableOptions { skip_rows: 1, ..TableOptions::default() };
    let choice = find(&format!("{address}\n{rows}"), &skip).unwrap();
    assert!(!choice.words().contains("left out"), "an option asked for it: {}", choice.words());
    // A second one, more words, and rows that the user calls data.
    refused(&format!("{address}\n{address}\n{rows}"), "--skip-rows 2 ");
    refused(&format!("made by {address}\n{rows}"), "--skip-rows 1 ");
    let data = TableOptions {
        header: Some(Header::No),
        time_column: Some(Column::Number(1)),
        ..TableOptions::default()
    };
    let choice = find(&format!("{address}\n1684108800000\n1684108800001\n"), &data).unwrap();
    assert_eq!((choice.lines_to_pass, choice.time_of(address.as_bytes()).is_ok()), (0, false));
}

#[test]
fn titles_are_refused_with_the_lines_to_skip() {
    let rows = "unix,date,open\n1684108800000,2023-05-15 00:00:00,5\n1684105200000,2023-05-14 23:00:00,5\n";
    for titles in [
        "See https://www.CryptoDataDownload.com\n",
        "\"Plot Title: 20010001\"\n",
        "Station Berlin\n\n# note\nMade 2023-05-15 09:30:00\n",
        "\"two\nlines\"\n",
    ] {
        let table = format!("{titles}{rows}");
        let lines = titles.lines().count();
        refused(&table, &format!("--skip-rows {lines} "));
        let options = TableOptions { skip_rows: lines as u64, ..TableOptions::default() };
        assert!(find(&table, &options).unwrap().has_header, "{table}");
        // The count includes lines that are already skipped.
        let options = TableOptions { skip_rows: 2, ..TableOptions::default() };
        let problem = find(&format!("x\ny\n{table}"), &options).unwrap_err();
        assert!(problem.contains(&format!("--skip-rows {} ", lines + 2)), "{problem}");
    }
    is("1378054800,a\n1378054801\n1378054802,b\n", 0, SECONDS);
    let named = TableOptions { time_column: Some(Column::Name("unix".into())), ..TableOptions::default() };
    assert!(find(&format!("x\n{rows}"), &named).unwrap_err().contains("--skip-rows 1 "));
}

#[test]
fn each_row_is_checked_against_the_choice() {
    let rows: String = (0..30).map(|at| format!("a,13780548{at:02}083,5\n")).collect();
    let choice = find(&format!("note,time,price\n{rows}"), &TableOptions::default()).unwrap();
    assert_eq!(choice.time_of(b"b,1378054800083,6"), Ok(1_378_054_800_083_000_000));
    for bad in ["b,1378054800083000,6", "b,1378054800,6", "b,1378054800083,6,7", "b,x,6", "b,,6", ""] {
        assert!(choice.time_of(bad.as_bytes()).is_err(), "{bad}");
    }
    let long = choice.time_of(format!("b,{},6", "x".repeat(5000)).as_bytes()).unwrap_err();
    assert!(long.len() < 200, "{long}");
    // A unit from an option also holds for all rows.
    let options = TableOptions { time_unit: Some(TimeUnit::Ms), ..TableOptions::default() };
    let choice = find(&format!("note,time,price\n{rows}"), &options).unwrap();
    assert!(choice.time_of(b"b,1378054800083000,6").is_err());
    // If the time comes first, any number of cells may follow it.
    let choice = find("time,note\n1378054800083,a\n1378054800083,b\n", &TableOptions::default()).unwrap();
    assert!(choice.time_of(b"1378054800083,a, b, c").is_ok());
}

#[test]
fn a_date_at_midnight_is_no_time_of_day() {
    let pair = |table: &str| found(table).map(|(date, time, _)| (date, time));
    is("date,event_time,px\n2023-05-15 00:00:00,2023-05-15 09:30:00.123,1\n", 1, DATES);
    assert_eq!(pair("Datum;Uhrzeit;Menge\n15.05.2023 00:00:00;09:30:00;21,5\n"), Ok((Some(0), 1)));
    assert_eq!(pair("trade_date,trade_time,price\n2023-05-15 00:00:00,09:30:00.123,5\n"), Ok((Some(0), 1)));
    assert_eq!(pair("AAPL,2023-05-15 00:00:00,09:30:00.123,170\n"), Ok((Some(1), 2)));
    for time in ["12/30/1899 9:30:00", "01.01.1900 09:30"] {
        refused(&format!("TradeDate,TradeTime,px\n05/15/2023 0:00:00,{time},1\n"), "--time-column");
        refused(&format!("d,t,px\n05/15/2023 0:00:00,{time},1\n"), "--time-column");
    }
    refused("date,trade_time\n1684108800,09:30:00\n", "--time-column");
    refused("date,trade_time\n2023-05-15 00:00:00-04:00,09:30:00\n", "--time-column");
    is("time,close\n2013-09-01 00:00:00,5\n2013-09-02 00:00:00,6\n", 0, DATES);
}

#[test]
fn a_date_is_not_alone_beside_what_may_be_the_time_of_day() {
    for table in [
        "Date;Uhrzeit\n2023-05-15;0915\n",
        "date,HRMN\n2023-05-15,1256\n",
        "date,hour\n2023-05-15,18\n",
        "date,seconds\n2023-05-15,34200.5\n",
        "Trade Date,Trade Time\n2023-05-15,93000\n",
    ] {
        refused(table, "--time-column");
    }
    refused("Datum;Zeit\n15.05.2023;9.30\n", "--time-column");
    refused("Datum;Zeit;n\n15.05.2023;9.30;1\n", "--time-column");
}

#[test]
fn a_zone_that_is_named_is_never_passed_over() {
    for name in ["timezone", "utc_offset", "GMT Offset", "tz", "zone"] {
        refused(&format!("time,{name}\n2023-05-15 09:30:00,-5\n"), "zone");
        is(&format!("time,{name}\n2023-05-15 09:30:00,0\n"), 0, DATES);
        is(&format!("time,{name}\n1684143000,-5\n"), 0, SECONDS);
    }
    for name in [
        "Date-Time (EST)",
        "Time (Europe/Berlin)",
        "Datum/Uhrzeit (MESZ)",
        "Local time",
        "Time (UTC+2)",
        "Time (UTC+02:00)",
        "\"Date Time, GMT-05:00\"",
        "(PDH-CSV 4.0) (W. Europe Standard Time)(-60)",
        "(PDH-CSV 4.0) (Eastern Standard Time)(300)",
        "(PDH-CSV 4.0) (Hora de verano)(300)",
    ] {
        let table = format!("{name},px\n2023-05-15 09:30:00,5\n");
        refused(&table, "zone");
        let first = TableOptions { time_column: Some(Column::Number(1)), ..TableOptions::default() };
        let words = find(&table, &first).unwrap().words();
        assert!(words.contains("UTC, although column 1"), "{words}");
    }
    refused("2023-05-15 09:30:00,EST,5\n", "zone");
    is("Time (UTC),px\n2023-05-15 09:30:00,5\n", 0, DATES);
    is("time,tz\n2023-05-15 09:30:00Z,EST\n", 0, DATES);
}

#[test]
fn numbers_that_are_no_unix_time() {
    for table in [
        "4032112345,27911.5,0.010,buy\n",
        "1500000123,B,100\n",
        "1500000123,B,100\n1500000127,B,90\n1500000130,B,100\n",
        "time,x\n3766953600.125,5\n",
        "ntp_time,x\n1684143000,5\n",
        "gpsTime,x\n1684143000,5\n",
        "gps time,x\n1684143000,5\n",
    ] {
        refused(table, "--time-");
    }
}

#[test]
fn nothing_of_the_time_is_left_out() {
    is("time,exchange_ts\n1684108800,1684108800123456789\n", 1, "nanoseconds since 1970");
    refused(
        "timestamp,event_time\n1684108800000,1684108800123\n1684108800000,1684108805456\n1684108800000,1684108806456\n",
        "--time-column",
    );
    for table in [
        "Date,Time,Milliseconds\n2023-05-15,09:30:00,123\n",
        "time,usec\n1684108800,123456\n",
        "time,at\n2023-05-15 09:30,2023-05-15 09:30:07\n",
        "2023-05-15 09:30:00,123,INFO\n2023-05-15 09:30:00,456,INFO\n",
    ] {
        refused(table, "--");
    }
    // The end of a candle is not a finer start of it; with a fraction, the time is complete.
    is("timestamp,close_time\n1684108800000,1684108859999\n1684108860000,1684108919999\n", 0, MILLIS);
    is("time,ms\n1684108800.5,123\n", 0, SECONDS);
    is("time,volume\n2023-05-15 09:30:00,123\n", 0, DATES);
}

#[test]
fn a_unit_in_the_name_is_that_of_the_values() {
    let micros = TableOptions { time_unit: Some(TimeUnit::Us), ..TableOptions::default() };
    let first = TableOptions { time_column: Some(Column::Number(1)), ..TableOptions::default() };
    for name in ["time_ms", "timestamp (s)", "Epoch ns", "ts[ms]"] {
        let table = format!("{name},px\n1378054800083000,5\n1378054800090000,5\n");
        for options in [&TableOptions::default(), &first] {
            let problem = find(&table, options).unwrap_err();
            assert!(problem.contains("--time-unit us, or") && problem.contains(name), "{problem}");
        }
        assert_eq!(find(&table, &micros).unwrap().first_time, Some(1_378_054_800_083_000_000));
    }
    for name in ["time_us", "time", "usecs"] {
        let table = format!("{name},px\n1378054800083000,5\n1378054800090000,5\n");
        assert_eq!(find(&table, &first).unwrap().first_time, Some(1_378_054_800_083_000_000));
    }
    assert!(find("time_ms,px\n", &TableOptions::default()).unwrap().has_header);
    is("time_ms,px\n2013-09-01 17:00:00,5\n", 0, DATES);
}

#[test]
fn times_that_lack_digits_are_refused_or_reported() {
    for rows in [
        "1.68411E+12,5\n1.68411E+12,6\n1.68412E+12,7\n",
        "1684110000001,5\n1.68411E+12,6\n",
        "1.684110E+09,5\n1.684111E+09,5\n",
    ] {
        let table = format!("time,px\n{rows}");
        let problem = found(&table).unwrap_err();
        assert!(problem.contains("rounded") && problem.contains("--time-unit"), "{problem}");
    }
    refused("time;px\n1,68411E+12;5\n1,68411E+12;6\n", "rounded");
    let table = "time,px\n1.68411E+12,5\n1.684120000001E+12,6\n";
    let millis = TableOptions { time_unit: Some(TimeUnit::Ms), ..TableOptions::default() };
    let words = find(table, &millis).unwrap().words();
    assert!(words.contains("milliseconds since 1970, rounded in the file"), "{words}");
    // A later number is not a time.
    for options in [&millis, &TableOptions::default()] {
        let choice = find("time,px\n1684110000001,5\n1.684120000001E+12,6\n", options).unwrap();
        assert_eq!(choice.format.to_string(), MILLIS);
        assert!(choice.time_of(b"1.684120000002E+12,5").is_ok() && choice.time_of(b"1.68412E+12,5").is_err());
    }
}

#[test]
fn columns_that_the_user_names_are_one() {
    let options =
        |name: &str| TableOptions { time_column: Some(Column::Name(name.into())), ..TableOptions::default() };
    let table = "time,price,time\n1684108800,5,1684108900\n";
    assert!(find(table, &options("time")).unwrap_err().contains("columns 1, 3"));
    is(",price\n2023-05-15 09:30:00,5\n2023-05-15 09:30:01,6\n", 0, DATES);
    assert!(find(",price\n2023-05-15 09:30:00,5\n", &TableOptions::default()).unwrap().has_header);
}

#[test]
fn advice_can_be_followed() {
    let table = "Date;Heure\n05/06/2023;09:30:00\n";
    let problem = found(&table.replace("Heure", "Time")).unwrap_err();
    let format = "%d/%m/%Y %H:%M:%S%.f";
    for words in ["--date-column 1", "--time-column 2", format] {
        assert!(problem.contains(words), "{problem}");
    }
    let options = TableOptions {
        date_column: Some(Column::Number(1)),
        time_column: Some(Column::Number(2)),
        time_format: Some(format.into()),
        ..TableOptions::default()
    };
    assert_eq!(find(table, &options).unwrap().first_time, Some(1_685_957_400_000_000_000));
    assert!(found(table).is_err());
}

#[test]
fn milliseconds_before_words_are_not_left_out() {
    refused("2023-05-15 09:30:00,123 INFO a\n2023-05-15 09:30:01,456 INFO b\n", "milliseconds");
    is("2023-05-15 09:30:00,123.5 x\n2023-05-15 09:30:01,45 x\n", 0, DATES);
}

#[test]
fn a_time_that_is_always_as_much_later_is_another_one() {
    for later in [1, 5, 999] {
        let row = |at: u64| {
            format!("{},{}\n", 1_378_054_800_000 + at * 1000, 1_378_054_800_000 + at * 1000 + later)
        };
        let rows: String = [0, 1, 4].map(row).concat();
        refused(&format!("ts,at_time\n{rows}").replace("at_time", "time"), "--time-column");
        is(&format!("trade_time,E\n{rows}"), 0, MILLIS);
    }
}

#[test]
fn times_before_1970_are_called_so() {
    for time in ["1969-12-31 10:00:00", "-5"] {
        refused(&format!("time,px\n{time},5\n"), "before 1970");
    }
}

#[test]
fn commas_of_numbers_make_no_title_of_a_header() {
    // With fewer rows, the header alone makes the rows too uneven.
    let table = |header: &str, row: &dyn Fn(u32) -> String| {
        header.to_owned() + &(10..40).map(row).collect::<String>()
    };
    for delimiter in [";", "|", "\t"] {
        let with = |text: &str| text.replace(';', delimiter);
        let seconds = table("ts;Wert;Kurs\n", &|at| format!("17000000{at};21,{at};1,5\n"));
        is(&with(&seconds), 0, SECONDS);
        let dates = table("Zeit;Wert\n", &|at| format!("2024-03-01 14:00:{at};21,{at}\n"));
        is(&with(&dates), 0, DATES);
        // Without names, and with a whole number first.
        let nameless = table("2024-03-01 14:00:05;21\n", &|at| format!("2024-03-01 14:00:{at};21,{at}\n"));
        is(&with(&nameless), 0, DATES);
        let pair = table("Datum;Uhrzeit;Wert\n", &|at| format!("13.03.2024;14:00:{at};21,{at}\n"));
        assert_eq!(found(&with(&pair)), Ok((Some(0), 1, "DD.MM.YYYY HH:MM:SS".into())));
    }
    // A first row without a delimiter of the rows is a title.
    refused(&table("My export\ntime,price\n", &|at| format!("13780548{at},5\n")), "--skip-rows 1");
}

#[test]
fn a_delimiter_that_is_in_no_row_is_refused() {
    let with = |delimiter, decimal_comma| TableOptions {
        delimiter: Some(delimiter),
        decimal_comma,
        ..TableOptions::default()
    };
    for (table, delimiter) in [
        ("time,v\n1378054800,1\n1378054801,1\n", b';'),
        ("time,v\n2013-09-01 17:00:00,100\n2013-09-01 17:00:01,100\n", b'\t'),
        ("1378054800,1\n1378054801,1\n", b';'),
        ("time|v\n1378054800|1\n1378054801|1\n", b','),
    ] {
        let problem = find(table, &with(delimiter, false)).expect_err(table);
        assert!(problem.contains("is in no row") && problem.contains("--delimiter"), "{table}: {problem}");
    }
    // One column, named by the header or by the user.
    assert!(find("time\n1378054800,5\n1378054801,5\n", &with(b';', false)).is_ok());
    assert!(find("2013-09-01 17:00:00,5\n2013-09-01 17:00:01,5\n", &with(b';', true)).is_ok());
}
