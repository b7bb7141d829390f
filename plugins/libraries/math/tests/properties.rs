//! Properties of the comparison, on generated expressions.
//!
//! An expression is generated together with a value that floating point can check roughly, so that the tests
//! know independently of the algebra what is equal: rewriting by an identity keeps the value, and adding a
//! number that is not zero changes it.

use proptest::prelude::*;
use ts_math::algebra::Work;
use ts_math::compare::same;
use ts_math::syntax::{Function, Node, Symbol, parse};

fn same_answer(a: &Node, b: &Node) -> bool {
    same(a, b, &Work::new(4 * ts_math::WORK)).unwrap_or_else(|trouble| panic!("{a}  and  {b}: {trouble:?}"))
}

fn neg(x: Node) -> Node {
    Node::Neg(Box::new(x))
}

fn pow(base: Node, exponent: i64) -> Node {
    Node::Pow(Box::new(base), Box::new(Node::integer(exponent)))
}

fn div(above: Node, below: Node) -> Node {
    Node::Div(Box::new(above), Box::new(below))
}

fn call(function: Function, x: Node) -> Node {
    Node::Call(function, vec![x])
}

fn root(x: Node) -> Node {
    Node::Call(Function::Root, vec![Node::integer(2), x])
}

/// Expressions over x, y, rationals, roots, π, e and functions. Divisors are sums of squares plus one, and
/// radicands too, so that every expression is defined and real everywhere.
fn expression() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        4 => (-9_i64..=9).prop_map(Node::integer),
        2 => (1_i64..=9, 2_i64..=9).prop_map(|(a, b)| div(Node::integer(a), Node::integer(b))),
        3 => Just(Node::name("x")),
        2 => Just(Node::name("y")),
        1 => Just(Node::Symbol(Symbol::Pi)),
        1 => (2_i64..=30).prop_map(|n| root(Node::integer(n))),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        let positive = inner.clone().prop_map(|x| Node::Add(vec![pow(x, 2), Node::integer(1)]));
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 2..=3).prop_map(Node::Add),
            3 => prop::collection::vec(inner.clone(), 2..=3).prop_map(Node::Mul),
            1 => inner.clone().prop_map(neg),
            1 => (inner.clone(), 2_i64..=3).prop_map(|(x, n)| pow(x, n)),
            1 => (inner.clone(), positive.clone()).prop_map(|(x, y)| div(x, y)),
            1 => positive.prop_map(root),
            1 => inner.clone().prop_map(|x| call(Function::Sin, x)),
            1 => inner.prop_map(|x| call(Function::Abs, x)),
        ]
    })
}

/// An identity, by number, applied to an expression.
fn rewritten(x: &Node, identity: u8) -> Node {
    let x = x.clone();
    let one = Node::integer(1);
    match identity % 8 {
        0 => Node::Add(vec![Node::integer(0), x]),
        1 => div(Node::Mul(vec![Node::integer(6), x]), Node::integer(6)),
        2 => neg(neg(x)),
        // (x + 1)² − x² − x − 1
        3 => Node::Add(vec![
            pow(Node::Add(vec![x.clone(), one.clone()]), 2),
            neg(pow(x.clone(), 2)),
            neg(x),
            neg(one),
        ]),
        // x (sin² y + cos² y)
        4 => {
            let (sine, cosine) = (call(Function::Sin, Node::name("y")), call(Function::Cos, Node::name("y")));
            Node::Mul(vec![x, Node::Add(vec![pow(sine, 2), pow(cosine, 2)])])
        }
        // x (√3 + √2)(√3 − √2)
        5 => {
            let (three, two) = (root(Node::integer(3)), root(Node::integer(2)));
            Node::Mul(vec![x, Node::Add(vec![three.clone(), two.clone()]), Node::Add(vec![three, neg(two)])])
        }
        // x/2 + x/3 + x/6
        6 => Node::Add([2, 3, 6].map(|n| div(x.clone(), Node::integer(n))).to_vec()),
        // Terms and factors the other way round.
        _ => reversed(&x),
    }
}

fn reversed(node: &Node) -> Node {
    match node.map(&mut reversed) {
        Node::Add(mut terms) => {
            terms.reverse();
            Node::Add(terms)
        }
        Node::Mul(mut factors) => {
            factors.reverse();
            Node::Mul(factors)
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn an_expression_is_itself_however_it_is_printed(x in expression()) {
        let printed = x.to_string();
        let read = parse(&printed).map_err(|error| TestCaseError::fail(format!("{printed}: {error:?}")))?;
        prop_assert!(same_answer(&x, &read), "{printed}");
        prop_assert_eq!(read.to_string(), parse(&read.to_string()).unwrap().to_string());
    }

    #[test]
    fn identities_hold_in_both_directions_and_in_a_chain(x in expression(), one: u8, other: u8) {
        let (y, z) = (rewritten(&x, one), rewritten(&rewritten(&x, one), other));
        prop_assert!(same_answer(&x, &y), "{x}  and  {y}");
        prop_assert!(same_answer(&y, &x), "{y}  and  {x}");
        prop_assert!(same_answer(&y, &z), "{y}  and  {z}");
        prop_assert!(same_answer(&x, &z), "{x}  and  {z}");
    }

    #[test]
    fn what_differs_by_a_number_is_told_apart(x in expression(), identity: u8, exponent in 0_i64..60, above in 1_i64..9) {
        // Down to about 10⁻¹⁸, far below what floating point could tell.
        let offset = div(Node::integer(above), pow(Node::integer(2), exponent));
        let y = rewritten(&Node::Add(vec![x.clone(), offset]), identity);
        prop_assert!(!same_answer(&x, &y), "{x}  and  {y}");
        prop_assert!(!same_answer(&y, &x), "{y}  and  {x}");
    }

    #[test]
    fn any_two_texts_are_compared_alike_in_both_directions(
        a in "(\\\\frac|\\\\sqrt|\\\\pi|\\\\cup|\\\\infty|\\\\text\\{a b\\}|[0-9xyei+*/^(),.={}\\[\\]<>|%$ -]){0,14}",
        b in "(\\\\frac|\\\\sqrt|\\\\pi|\\\\cup|\\\\infty|\\\\text\\{a b\\}|[0-9xyei+*/^(),.={}\\[\\]<>|%$ -]){0,14}",
    ) {
        if let (Ok(x), Ok(y)) = (parse(&a), parse(&b)) {
            let (one, other) = (same(&x, &y, &Work::new(ts_math::WORK)), same(&y, &x, &Work::new(ts_math::WORK)));
            prop_assert_eq!(one, other, "{} and {}", x, y);
            prop_assert_eq!(same(&x, &x.clone(), &Work::new(ts_math::WORK)), Ok(true));
        }
        ts_math::grade(&a, &b);
    }
}
