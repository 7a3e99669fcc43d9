use super::*;

fn parsed(text: &str) -> Palette {
    Palette { colors: parse(text).unwrap(), file: "p".into() }
}

fn list(text: &str) -> Vec<(Vec<f32>, Option<String>)> {
    let (colors, _) = parsed(text).in_image(Format::U8, 3).unwrap();
    colors.into_iter().map(|color| (color.values, color.name)).collect()
}

#[test]
fn all_kinds_of_files() {
    let orange = (vec![1.0, 128.0 / 255.0, 0.0], Some("Dark orange".to_owned()));
    let black = (vec![0.0; 3], None);
    let expected = [orange, black];
    assert_eq!(list("# comment\n\n#ff8000\tDark orange\r\n  0,0,0\n#\n"), expected);
    let gimp =
        "GIMP Palette\nName: x\nColumns: 2\n# comment\n255 128   0\tDark orange\n  0   0   0 Untitled\n";
    assert_eq!(list(gimp), expected);
    let json =
        r#"{"masks": [{"color": [1.0, 0.5019608, 0.0], "name": "Dark orange"}, {"color": [0, 0, 0]}]}"#;
    assert_eq!(list(json), expected);
    assert_eq!(list(&format!(r#"{{"images": [{json}, {{}}]}}"#)), expected);
    assert_eq!(list(r#"{"masks": [{"color": ["inf", "-inf"]}]}"#)[0].0, [f32::INFINITY, f32::NEG_INFINITY]);
    for text in [
        "255 128 0 Dark orange\n0 0 0\n",
        "255,128,0 Dark orange\n0,0,0\n",
        "255, 128, 0, Dark orange\n0, 0, 0\n",
        "255;128;0;Dark orange\n0;0;0;\n",
        "JASC-PAL\r\n0100\r\n2\r\n255 128 0 Dark orange\r\n0 0 0\r\n",
        "name,r,g,b\nDark orange,255,128,0\n,0,0,0\n",
        "r\tg\tb\tlabel\n255\t128\t0\tDark orange\n0\t0\t0\t\n",
        "Color,Name\n#ff8000,Dark orange\nblack,\n",
        "Dark orange,255,128,0\n,0,0,0\n",
        "#ff8000,Dark orange\n#000,\n",
        r##"[{"color": "#ff8000", "name": "Dark orange"}, {"color": "black"}]"##,
    ] {
        assert_eq!(list(text), expected, "{text}");
    }
    let named = |text: &str| {
        list(text).into_iter().map(|(values, name)| (values[0], name.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(list("name;r;g;b\n\"Q; x\";52;128;67\n")[0].1.as_deref(), Some("Q; x"));
    let expected = [(1.0, "Dark orange".to_owned()), (0.0, "background".to_owned())];
    for text in [
        "# label:color_rgb:parts:actions\nDark orange:255,128,0::\nbackground:0,0,0::\n",
        "Dark orange:255,128,0\nbackground:0,0,0\n",
        "GIMP Palette\nChannels: RGBA\n#\n255 128 0 255 Dark orange\n0 0 0 255 background\n",
        "color;label\n#ff8000;\"Dark orange\"\n#000;background\n",
        r##"{"Dark orange": "#ff8000", "background": [0, 0, 0]}"##,
    ] {
        assert_eq!(named(text), expected, "{text}");
    }
}

#[test]
fn definitions_of_provinces() {
    let expected = [(128.0 / 255.0, "Stockholm"), (1.0 / 255.0, "2"), (1.0, "3")];
    for text in [
        "province;red;green;blue;x;x\n1;128;34;64;Stockholm;x\n2;1;1;1;;x\n3;255;0;0;x;x\n",
        "1;128;34;64;Stockholm;x\n2;1;1;1;;x\n3;255;0;0;x;x;\n",
        "#id;r;g;b;name\n1;128;34;64;Stockholm\n2;1;1;1;\n3;255;0;0;x\n",
    ] {
        let found = list(text);
        let found: Vec<_> =
            found.iter().map(|(values, name)| (values[0], name.as_deref().unwrap())).collect();
        assert_eq!(found, expected, "{text}");
    }
    for text in [
        "province;red;green;blue;x;x\n1;128;34;64;Stockholm;x\n#2;1;1;1;gone;x\n",
        "#12;1;1;1;gone;x\n1;128;34;64;Stockholm;x\n#2;1;1;1;gone;x\n",
    ] {
        assert_eq!(
            list(text),
            [(vec![128.0 / 255.0, 34.0 / 255.0, 64.0 / 255.0], Some("Stockholm".into()))],
            "{text}"
        );
    }
    // A quote in a province's name is one.
    assert_eq!(list("1;128;34;64;\"Sea;x\n2;1;1;1;Land;x\n")[0].1.as_deref(), Some("\"Sea"));
    // Kinds of land are no names.
    let text = "0;0;0;0;land;false;unknown;0\n1;53;104;82;sea;true;ocean;0\n";
    assert_eq!(list(text)[1].1.as_deref(), Some("1"));
}

#[test]
fn numbers_are_decided_for_the_whole_file() {
    let first = |text: &str, format, channels| {
        let (colors, hint) = parsed(text).in_image(format, channels).unwrap();
        (colors[0].values[0], hint.unwrap_or_default())
    };
    // 1 is a 255th beside 128, and all of the way where nothing is beyond it.
    let (value, hint) = first("1,1,1\n128,0,0\n", Format::U8, 3);
    assert_eq!(value, 1.0 / 255.0);
    assert_eq!(hint, "p: whole numbers count from 0 to 255, as '128,0,0' shows");
    let (value, hint) = first("1,1,1\n1,0,0\n", Format::U8, 3);
    assert_eq!((value, &*hint), (1.0, "p: whole numbers up to 1 only: they count from 0 to 1"));
    assert_eq!(first("0.5,1,1\n", Format::U8, 3), (0.5, String::new()));
    assert_eq!(first("#ffffff\n", Format::U8, 3), (1.0, String::new()));
    // Ids are what the image stores.
    assert_eq!(first("26001\n1\n", Format::U16, 1).0, 26001.0 / 65535.0);
    assert_eq!(first("1\n0\n", Format::U16, 1).0, 1.0 / 65535.0);
    assert_eq!(first("1.0\n0\n", Format::U16, 1).0, 1.0);
    assert_eq!(first("1\n0\n", Format::U8, 1).0, 1.0);
    assert_eq!(first("26001\n1\n", Format::F32, 1).0, 26001.0);
    // Colours of floats count from 0 to 1 in their image.
    assert_eq!(first("51,1,0\n", Format::F32, 3).0, 0.2);
    assert_eq!(first("51,1,0.0\n", Format::F32, 3).0, 51.0);
    let mixed = parsed("170 205 230 Sea\n0.5 0.5 0.5\n").in_image(Format::U8, 3).unwrap_err().to_string();
    assert!(
        mixed.contains("line 1: 170,205,230 counts beyond 1, and line 2: 0.5,0.5,0.5 from 0 to 1"),
        "{mixed}"
    );
    let beyond = parsed("300,0,0\n").in_image(Format::F32, 3).unwrap_err().to_string();
    assert!(beyond.contains("300 is beyond 255; numbers with a point"), "{beyond}");
    let beyond = parsed("300,0,0\n").in_image(Format::U8, 3).unwrap_err().to_string();
    assert!(beyond.contains("300 is beyond 255"), "{beyond}");
}

#[test]
fn errors_name_the_line() {
    for (text, expected) in [
        ("#ff8000\nreddish\n", "line 2: 'reddish' is no colour"),
        ("GIMP Palette\n1 2\n", "line 2: '1 2' does not begin"),
        ("GIMP Palette\n1 2 256\n", "line 2"),
        ("JASC-PAL\n0100\n1\n1 2 256\n", "line 4"),
        ("name,r,g,b\nSea,1,2,x\n", "line 2: '1,2,x' is no colour"),
        ("# label:color_rgb:parts:actions\nSea:1,2::\n", "line 2"),
        ("1;2;3;4;Sea\n2;2;3;400;Land\n", "line 2"),
        ("1;2;3;4;Sea\n2;3;4\n", "line 2: column 4 is empty"),
        ("a,b\nc,d\n", "line 1: 'a,b' has no colour"),
        ("a:1,2,3::\nb:1,2::\n", "line 2: 'b:1,2::' is no label such as"),
        ("b:1,2::\na:1,2,3::\n", "line 1: 'b:1,2::' is no label"),
        ("a:1,2,3::\nb:1,2,3,4::\n", "line 2: 'b:1,2,3,4::' is no label"),
        ("JASC-PAL\n0100\n3\n0 0 0\n1 2 3\n", "line 3: says 3 colours; there are 2"),
        ("JASC-PAL\n0100\n1\n0 0 0\n1 2 3\n", "line 3: says 1 colours; there are 2"),
        ("JASC-PAL\n0100\nabc\n0 0 0\n", "line 3: 'abc' is no number of colours"),
        ("GIMP Palette\nChannels: RGBA\n1 2 3 sea\n", "line 3: '1 2 3 sea' does not begin with 4 numbers"),
        ("{", "is no JSON"),
        ("{}", "has no colours"),
        (r#"{"masks": [{}]}"#, "masks[0] has no \"color\""),
        (r#"{"Sea": "reddish"}"#, "Sea: 'reddish' is no colour"),
    ] {
        let parsed = parse(text)
            .and_then(|colors| if colors.is_empty() { Err(anyhow!("has no colours")) } else { Ok(colors) });
        let error = format!("{:#}", parsed.expect_err(text));
        assert!(error.contains(expected), "{error}");
    }
}
