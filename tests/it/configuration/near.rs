//! What is nearly called as a key that is read is named.

use bootstrap::Configuration;
use bootstrap::prelude::*;
use serde::Deserialize;

use super::{Files, mistakes, of_file, variables};

#[allow(dead_code, reason = "reading is the point")]
#[derive(Default, Deserialize)]
struct Pool {
    #[serde(default)]
    max_size: u32,
    #[serde(default)]
    idle: u32,
}

#[plugin(name = "store", collect = never)]
struct Store {
    #[option(config = "db.dsn")]
    dsn: String,
}

impl Hooks for Store {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = &self.dsn;
        Ok(())
    }
}

#[plugin(name = "lax", collect = never)]
struct Lax {
    #[option(config = "db.dsn", default = String::new())]
    dsn: String,
    #[option(config = "port", default = 0)]
    port: u16,
    #[option(config = "db.pool", default = Pool::default())]
    pool: Pool,
}

impl Hooks for Lax {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = (&self.dsn, self.port, &self.pool);
        Ok(())
    }
}

/// What is said beside the fact that `db.dsn` is missing.
fn near(configuration: Configuration) -> Option<String> {
    let app = App::new().with(Store::default()).configure(configuration);
    let text = app.plan().unwrap_err().render();
    assert!(
        text.contains("plugin `store` needs `db.dsn`, and"),
        "{text}"
    );
    let near = text.lines().find_map(|line| line.strip_prefix("  near: "));
    near.map(str::to_owned)
}

/// The warnings of an app that has a default for all.
fn warnings(configuration: Configuration) -> Vec<String> {
    let app = App::new().with(Lax::default()).configure(configuration);
    let plan = app.plan().unwrap();
    plan.warnings().iter().map(ToString::to_string).collect()
}

fn of_variables(names: &[&str]) -> Configuration {
    let all: Vec<(&str, &str)> = names.iter().map(|name| (*name, "1")).collect();
    variables(Configuration::new(), &all)
}

#[test]
fn a_variable_with_other_signs_between_its_words_or_in_another_case_is_named() {
    for name in [
        "APP_DB_DSN",
        "app_db__dsn",
        "App_Db_Dsn",
        "APP_DB-DSN",
        "APP_DB.DSN",
        "APP__DB__DSN",
        "APP_DB___DSN",
        "app.db.dsn",
        "APPS_DB__DSN",
        "APP_DB__DNS",
        "APP_BD__DSN",
        "APP_DB__DSNS",
    ] {
        let said = near(of_variables(&[name])).unwrap_or_default();
        assert!(
            said.contains("is set") && said.contains("was that meant?"),
            "{name}: {said}"
        );
        let warned = warnings(of_variables(&[name]));
        assert_eq!(
            warned,
            [format!(
                "no plugin reads the environment variable `{name}`: did you mean `APP_DB__DSN`?"
            )],
            "{name}"
        );
    }
    assert_eq!(
        near(of_variables(&["APP_DB_DSN"])).unwrap(),
        "the environment variable `APP_DB_DSN` is set: was that meant?"
    );
}

#[test]
fn the_fields_of_a_section_that_is_not_set_are_known_as_well() {
    let name = "APP_DB_POOL_MAX_SIZE";
    assert_eq!(
        warnings(of_variables(&[name])),
        [format!(
            "no plugin reads the environment variable `{name}`: did you mean `APP_DB__POOL__MAX_SIZE`?"
        )]
    );
}

#[test]
fn variables_of_other_programs_are_no_near_misses() {
    let names = [
        "APP_DB_HOST",
        "APP_DB_PORT",
        "APP_DB_PORT_80_TCP",
        "APP_PORT_80_TCP",
        "APP_SERVICE_PORT",
        "HOME",
        "PATH",
        "MAP_PORT",
        "APPLE",
        "DB_DSN",
        "DSN",
        "OTHER_DB__DSN",
        "APP_",
        "APP",
        "PORT",
        "AP_PORT",
    ];
    assert_eq!(warnings(of_variables(&names)), [""; 0]);
    assert_eq!(
        near(of_variables(&["APP_DB_HOST", "PORT", "OTHER_DB__DSN"])),
        None
    );
}

#[test]
fn a_near_miss_of_a_variable_that_is_set_is_that_of_another_program() {
    assert_eq!(
        warnings(of_variables(&["APP_DB__DSN", "APP_DB_DSN", "app_db__dsn"])),
        [""; 0]
    );
}

#[test]
fn a_table_or_a_key_in_another_case_or_with_another_dash_is_named() {
    let files = Files::new(&[]);
    let file = || of_file(&files.path("service.toml"));
    for (text, key, line) in [
        ("[DB]\ndsn = 'x'", "DB.dsn", "2:1"),
        ("[Db]\nport = 1", "Db", "1:2"),
        ("[db]\nDSN = 'x'", "db.DSN", "2:1"),
        ("[dbs]\ndsn = 'x'", "dbs.dsn", "2:1"),
        ("[server.db]\ndsn = 'x'", "server.db.dsn", "2:1"),
        ("dsn = 'x'", "dsn", "1:1"),
    ] {
        files.write("service.toml", text);
        let said = near(file()).map(|said| files.plain(&said));
        assert_eq!(
            said.as_deref(),
            Some(&*format!(
                "`{key}` is set (service.toml:{line}): was that meant?"
            )),
            "{text}"
        );
    }
    for (text, what, meant) in [
        ("[DB]\ndsn = 'x'", "DB` (service.toml:1:2)", "db"),
        ("[db]\nDSN = 'x'", "db.DSN` (service.toml:2:1)", "db.dsn"),
        ("[dbs]\ndsn = 'x'", "dbs` (service.toml:1:2)", "db"),
        ("[db.db]\ndsn = 'x'", "db.db` (service.toml:1:5)", "db"),
    ] {
        files.write("service.toml", text);
        let said: Vec<String> = warnings(file()).iter().map(|it| files.plain(it)).collect();
        assert_eq!(
            said,
            [format!(
                "no plugin reads the key `{what}: did you mean `{meant}`?"
            )],
            "{text}"
        );
    }
}

#[test]
fn a_field_of_a_section_with_another_dash_is_a_fault_that_names_it() {
    let files = Files::new(&[(
        "service.toml",
        "[db.pool]\nmax-size = 1\nmaxIdle = 2\nIdle = 2",
    )]);
    let app = App::new().with(Lax::default());
    let app = app.configure(of_file(&files.path("service.toml")));
    let text = app.plan().unwrap_err().render();
    for (key, near) in [("max-size", "max_size"), ("Idle", "idle")] {
        assert!(
            text.contains(&format!("does not know `db.pool.{key}`")),
            "{text}"
        );
        assert!(
            text.contains(&format!("did you mean `db.pool.{near}`?")),
            "{text}"
        );
    }
}

#[test]
fn a_key_that_something_else_reads_is_not_what_was_meant() {
    #[plugin(name = "other", collect = never)]
    struct Other {
        #[option(config = "db.dsx", default = String::new())]
        dsx: String,
        #[option(config = "http.db.dsn", default = String::new())]
        dsn: String,
    }
    impl Hooks for Other {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            let _ = (&self.dsx, &self.dsn);
            Ok(())
        }
    }
    let files = Files::new(&[("service.toml", "db.dsx = 'x'\nhttp.db.dsn = 'x'")]);
    let app = App::new().with(Store::default()).with(Other::default());
    let app = app.configure(of_file(&files.path("service.toml")));
    let text = app.plan().unwrap_err().render();
    assert!(!text.contains("near: "), "{text}");
}

#[test]
fn unknown_fields_of_structs_in_a_map_are_faults() {
    #[plugin(name = "mapped", collect = never)]
    struct Mapped {
        #[option(config = "pools")]
        _pools: std::collections::BTreeMap<String, Pool>,
    }
    impl Hooks for Mapped {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }
    let files = Files::new(&[(
        "service.toml",
        "[pools.any]\nidel = 1\n[pools.other]\nidle = 1",
    )]);
    let app = App::new().with(Mapped::default());
    assert_eq!(
        mistakes(&app.configure(of_file(&files.path("service.toml")))),
        ["plugin `mapped` does not know `pools.any.idel`, which the configuration has"]
    );
}
